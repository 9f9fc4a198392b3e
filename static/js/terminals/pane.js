// One terminal of the page: its xterm, its connection and its status. Panes decides whether it is shown.

import { watchCopyRequests } from "./clipboard.js";
import { handleKeys } from "./keyboard/key-codes.js";
import { Link } from "./connection/connection.js";
import { guardPaste, plainTitle } from "./safety.js";
import { Brush, makeScreen, optionsOf } from "./screen.js";
import { watchPrompt } from "./close-guard.js";

const SMALLER = "Limited to the smallest window that shows this terminal.";
const SETTLE = 80; // milliseconds after the last change of the window's size

export class Pane extends EventTarget {
  /** `page`: {place, csrf, ticket, settings, open(link), shape(text)}; `id` is "" for a new terminal of `command`. */
  constructor(page, { id, command = "shell", name = "" }) {
    super();
    Object.assign(this, { page, command, name });
    this.note = { text: "", tone: "" };
    this.wait = -1; // seconds until the next attempt; -1: none scheduled
    this.progress = ""; // of an upload
    this.end = null; // how it ended
    this.title = "";
    this.hasRung = false;
    this.isShown = false;
    this.element = document.createElement("div");
    this.element.className = "pane";
    page.place.append(this.element);
    Object.assign(this, makeScreen(this.element, page.settings.now, page.open));
    this.brush = new Brush(this.term);
    this.link = new Link(this.term, { ticketUrl: page.ticket, csrf: page.csrf, id, command, on: this.handlers(), shape: page.shape });
    guardPaste(this.element, this.term);
    this.keyProtocol = handleKeys(this.term, () => ({ isMeta: page.settings.now.meta, isAgent: this.command !== "shell" }));
    watchCopyRequests(this);
    watchPrompt(this);
    this.listen();
  }

  get id() {
    return this.link.id;
  }

  get isSeen() {
    return this.isShown && !document.hidden;
  }

  handlers() {
    return {
      attached: ({ name, command }) => {
        this.name = name ?? this.name;
        this.command = command ?? this.command;
      },
      state: (kind, text, how) => this.onState(kind, text, how),
      countdown: (seconds) => this.update({ wait: seconds }),
      size: (size) => this.followSize(size),
      notice: (text) => this.say(text),
    };
  }

  listen() {
    let isDue = false;
    const draw = () => {
      isDue = false;
      this.update({});
    };
    this.term.onTitleChange((title) => {
      this.title = plainTitle(title);
      if (!isDue) isDue = Boolean(requestAnimationFrame(draw)) || setTimeout(draw, SETTLE); // hidden: no frames
    });
    this.term.onBell(() => this.onBell());
    this.element.addEventListener("pointerup", () => this.copySelected());
    let timer = 0;
    new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(() => this.measure(), SETTLE);
    }).observe(this.element);
    document.fonts?.ready.then(() => this.measure());
  }

  // -- status -----------------------------------------------------------------------------------------------------

  update(changed) {
    Object.assign(this, changed);
    this.dispatchEvent(new Event("change"));
  }

  say(text, tone = "") {
    this.update({ note: { text, tone } });
  }

  onState(kind, text, how) {
    const isOver = kind === "over" || kind === "failed";
    const tone = kind === "out" || kind === "failed" ? "bad" : "";
    this.update({ kind, note: { text, tone }, wait: -1, end: isOver ? how : null });
    this.dispatchEvent(new Event("state"));
  }

  onBell() {
    if (this.link.isReplaying || (this.isSeen && document.hasFocus()) || this.hasRung) return;
    this.update({ hasRung: true });
    this.dispatchEvent(new Event("bell"));
  }

  // -- display ----------------------------------------------------------------------------------------------------

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

  /** Its visibility changed. */
  seen() {
    if (this.isSeen) this.hasRung = false;
    if (this.link.isSeen !== this.isSeen) this.link.seen(this.isSeen);
  }

  measure() {
    if (!this.isShown) return;
    const size = this.fit.proposeDimensions();
    if (size && size.cols > 1 && size.rows > 1) this.link.resize({ cols: size.cols, rows: size.rows });
  }

  applySettings() {
    Object.assign(this.term.options, optionsOf(this.page.settings.now));
    this.measure();
  }

  /** A terminal has the size of the smallest window that shows it. */
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

  // -- actions ----------------------------------------------------------------------------------------------------

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
    Object.assign(this, { title: "", clip: "", isClipSilent: false, hasPrompt: false });
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
