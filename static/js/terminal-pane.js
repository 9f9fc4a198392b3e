// One terminal of the page: its xterm and its line, and what is to be said of it. Whether it is shown is told to it.

import { Link } from "./terminal-link.js";
import { guardPaste, plainTitle } from "./terminal-safety.js";
import { Brush, makeScreen, optionsOf } from "./terminal-screen.js";

const SMALLER = "As small as the smallest window that shows this terminal.";
const SETTLE = 80; // milliseconds after the last change of the window's size

export class Pane extends EventTarget {
  /** `page`: {place, csrf, ticket, settings, open(link), shape(text)}; `id` is "" for a new terminal of `command`. */
  constructor(page, { id, command = "shell", name = "" }) {
    super();
    Object.assign(this, { page, command, name });
    this.note = { text: "", tone: "" };
    this.wait = -1; // seconds until the next try, -1 while none is counted
    this.progress = ""; // of files that are sent
    this.end = null; // how it ended
    this.title = "";
    this.hasRung = false;
    this.isShown = false;
    this.element = document.createElement("div");
    this.element.className = "pane";
    page.place.append(this.element);
    Object.assign(this, makeScreen(this.element, page.settings.now, page.open));
    this.brush = new Brush(this.term);
    this.link = new Link(this.term, { ticketUrl: page.ticket, csrf: page.csrf, id, command, on: this.hears(), shape: page.shape });
    guardPaste(this.element, this.term);
    this.listen();
  }

  get id() {
    return this.link.id;
  }

  get isSeen() {
    return this.isShown && !document.hidden;
  }

  hears() {
    return {
      attached: ({ name, command }) => {
        this.name = name ?? this.name;
        this.command = command ?? this.command;
      },
      state: (kind, text, how) => this.told(kind, text, how),
      counts: (seconds) => this.tell({ wait: seconds }),
      size: (size) => this.followSize(size),
      says: (text) => this.say(text),
    };
  }

  listen() {
    let isDue = false;
    const draw = () => {
      isDue = false;
      this.tell({});
    };
    this.term.onTitleChange((title) => {
      this.title = plainTitle(title);
      if (!isDue) isDue = Boolean(requestAnimationFrame(draw)) || setTimeout(draw, SETTLE); // hidden: no frames
    });
    this.term.onBell(() => this.rings());
    this.element.addEventListener("pointerup", () => this.copySelected());
    let timer = 0;
    new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(() => this.measure(), SETTLE);
    }).observe(this.element);
    document.fonts?.ready.then(() => this.measure());
  }

  // -- what is said of it -----------------------------------------------------------------------------------------

  tell(changed) {
    Object.assign(this, changed);
    this.dispatchEvent(new Event("change"));
  }

  say(text, tone = "") {
    this.tell({ note: { text, tone } });
  }

  told(kind, text, how) {
    const isOver = kind === "over" || kind === "failed";
    const tone = kind === "out" || kind === "failed" ? "bad" : "";
    this.tell({ kind, note: { text, tone }, wait: -1, end: isOver ? how : null });
    this.dispatchEvent(new Event("state"));
  }

  rings() {
    if (this.link.isReplaying || (this.isSeen && document.hasFocus()) || this.hasRung) return;
    this.tell({ hasRung: true });
    this.dispatchEvent(new Event("bell"));
  }

  // -- how it looks -----------------------------------------------------------------------------------------------

  show() {
    this.isShown = true;
    this.element.hidden = false;
    this.brush.start();
    this.measure();
    this.seen();
  }

  hide() {
    this.isShown = false;
    this.element.hidden = true;
    this.brush.stop();
    this.seen();
  }

  /** It came into sight, or out of it. */
  seen() {
    if (this.isSeen) this.hasRung = false;
    if (this.link.isSeen !== this.isSeen) this.link.seen(this.isSeen);
  }

  measure() {
    if (!this.isShown) return;
    const size = this.fit.proposeDimensions();
    if (size && size.cols > 1 && size.rows > 1) this.link.resize({ cols: size.cols, rows: size.rows });
  }

  dress() {
    Object.assign(this.term.options, optionsOf(this.page.settings.now));
    this.measure();
  }

  /** The smallest window that looks at a terminal decides its size. */
  followSize({ is, cols, rows }) {
    this.term.resize(cols, rows);
    const own = this.link.size;
    const isSmaller = is === "size" && this.isSeen && (cols < own.cols || rows < own.rows);
    if (isSmaller) this.say(SMALLER);
    else if (this.note.text === SMALLER) this.say("");
  }

  copySelected() {
    if (this.page.settings.now.copy && this.term.hasSelection()) navigator.clipboard?.writeText(this.term.getSelection());
  }

  // -- what is done with it ---------------------------------------------------------------------------------------

  focus() {
    this.term.focus();
  }

  start() {
    if (this.isShown) {
      this.fit.fit();
      this.link.size = { cols: this.term.cols, rows: this.term.rows };
    }
    return this.link.connect();
  }

  async again() {
    this.title = "";
    await this.link.renew();
    this.focus();
  }

  remove() {
    this.link.leave();
    this.brush.stop();
    this.term.dispose();
    this.element.remove();
  }
}
