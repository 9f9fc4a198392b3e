// Renders only the visible rows of a log, so that 100,000 lines scroll like ten.
// Short logs are rendered completely, for the browser's own search and for copying.

import { pieces } from "./ansi.js";

const ROW = 20; // px, as .log.live .line in css/jobs/log.css
const PAD = 12;
const AROUND = 40; // rows kept above and below the visible ones
const WHOLE = 800; // lines up to which all rows are kept
const NEAR = 6; // px from the end that still count as the end

export class LogWindow {
  constructor(box) {
    this.box = box;
    this.log = null;
    this.found = { text: "", line: -1 };
    this.isFollowing = true;
    this.first = 0;
    this.end = 0;
    this.ruler = element("div", "ruler");
    this.rows = element("div", "rows");
    box.classList.add("live");
    box.replaceChildren(this.ruler, this.rows);
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  show(log) {
    this.log = log;
    this.redraw();
  }

  /** Draw the visible rows; existing rows are reused. */
  draw() {
    if (!this.log) return;
    const count = this.log.lines.length;
    this.ruler.style.height = `${count * ROW + 2 * PAD}px`;
    if (this.isFollowing) this.box.scrollTop = this.box.scrollHeight;
    const [first, end] = this.#inSight(count);
    this.#fit(first, end);
    this.rows.style.transform = `translateY(${first * ROW}px)`;
  }

  /** Draw all rows again, after lines or the search matches changed. */
  redraw() {
    this.rows.replaceChildren();
    this.first = this.end = 0;
    this.draw();
  }

  /** The lines from an index on have changed. */
  redrawFrom(index) {
    for (; this.end > Math.max(index, this.first); this.end -= 1) this.rows.lastElementChild.remove();
    this.draw();
  }

  mark(text, line) {
    this.found = { text: text.toLowerCase(), line };
    if (line >= 0) this.goTo(line);
    this.redraw();
  }

  goTo(line) {
    this.follow(false);
    this.box.scrollTop = Math.max(0, line * ROW - this.box.clientHeight / 3);
    this.draw();
  }

  follow(isOn) {
    if (this.isFollowing === isOn) return;
    this.isFollowing = isOn;
    this.box.dispatchEvent(new CustomEvent("dvm:follow", { bubbles: true, detail: { isOn } }));
    if (isOn) this.draw();
  }

  #onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    this.follow(scrollTop + clientHeight >= scrollHeight - NEAR);
    this.draw();
  }

  #inSight(count) {
    if (count <= WHOLE) return [0, count];
    const top = Math.floor((this.box.scrollTop - PAD) / ROW);
    const shown = Math.ceil(this.box.clientHeight / ROW);
    const first = Math.max(0, Math.min(top, count - shown) - AROUND);
    return [first, Math.min(count, top + shown + AROUND)];
  }

  #fit(first, end) {
    if (first >= this.end || end <= this.first) {
      this.rows.replaceChildren();
      this.first = this.end = first;
    }
    for (; this.first < first; this.first += 1) this.rows.firstElementChild.remove();
    for (; this.end > end; this.end -= 1) this.rows.lastElementChild.remove();
    this.rows.prepend(...this.#range(first, this.first));
    this.rows.append(...this.#range(this.end, end));
    this.first = first;
    this.end = end;
  }

  #range(from, to) {
    return Array.from({ length: Math.max(0, to - from) }, (_, index) => this.#row(from + index));
  }

  #row(index) {
    const line = this.log.lines[index];
    const row = element("div", line.host === undefined && !line.ours ? "line" : "line host");
    const parts = line.host === undefined ? pieces(line.text, line.style) : [[line.host, ""]];
    for (const [text, names] of parts) row.append(...this.#withMarks(text, index, names));
    if (line.cut) row.append(noted(` \u2026 ${line.cut.toLocaleString("en")} more bytes`, "The whole line is in the download"));
    return row;
  }

  #withMarks(text, index, names) {
    const { text: wanted, line } = this.found;
    const low = wanted ? text.toLowerCase() : "";
    const out = [];
    let from = 0;
    for (let at = wanted ? low.indexOf(wanted) : -1; at >= 0; at = low.indexOf(wanted, from)) {
      out.push(piece(text.slice(from, at), names), element("mark", index === line ? "now" : "", text.slice(at, at + wanted.length)));
      from = at + wanted.length;
    }
    out.push(piece(text.slice(from), names));
    return out;
  }
}

function element(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

const piece = (text, names) => (names ? element("span", names, text) : document.createTextNode(text));
const noted = (text, title) => Object.assign(element("span", "cut", text), { title });
