// Renders only the visible rows of a log, so that 100,000 lines scroll like ten. Lines wrap or not; those of folded steps
// are left out. Short logs are rendered completely, for the browser's own search.

import { LogFolds } from "./log-folds.js";
import { copy, element, lineRow, titleRow } from "./log-row.js";
import { RowHeights, cellsOf } from "./row-heights.js";

const ROW = 20; // px, as .log.live .line in css/jobs/log.css
const TITLE = 28; // px, as .log.live .step
const PAD = 12;
const SIDE = 32; // px beside the text of a line
const AROUND = 20; // rows kept above and below the visible ones
const WHOLE = 800; // rows up to which all are kept
const NEAR = 6; // px from the end that still count as the end
const MOST_CHOSEN = 4000; // rows that are kept for a selection that begins or ends in them

export class LogWindow {
  constructor(box) {
    this.box = box;
    this.log = null;
    this.folds = new LogFolds();
    this.shown = []; // the index of the line in each row
    this.heights = new RowHeights();
    this.columns = Infinity; // characters in a row; all of them while lines do not wrap
    this.found = { text: "", line: -1 };
    this.isFollowing = true;
    this.isMoving = false; // the window itself scrolls
    this.first = 0;
    this.end = 0;
    this.ruler = element("div", "ruler");
    this.rows = element("div", "rows");
    box.classList.add("live");
    box.replaceChildren(this.ruler, this.rows);
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    box.addEventListener("click", (event) => this.#onClick(event));
    box.addEventListener("copy", (event) => copy(event, this.rows));
    new ResizeObserver(() => this.#onResize()).observe(box);
  }

  show(log) {
    this.log = log;
    this.redraw();
  }

  /** Whether lines wrap. */
  wrap(isOn) {
    const kept = this.#kept();
    this.box.classList.toggle("wrap", isOn);
    this.columns = isOn ? this.#columns() : Infinity;
    this.redraw();
    this.#back(kept);
  }

  /** Draw the visible rows; existing rows are reused. */
  draw() {
    if (!this.log) return;
    this.#fit();
    if (this.isFollowing) this.#scrollTo(this.box.scrollHeight);
    this.#fit();
  }

  /** Draw all rows again, after lines, folds or the search matches changed. */
  redraw() {
    if (!this.log) return;
    this.shown = this.folds.shown(this.log.lines);
    this.heights.clear();
    for (const line of this.shown) this.heights.push(this.#guess(line));
    this.#empty();
    this.draw();
    this.box.dispatchEvent(new CustomEvent("dvm:folds", { bubbles: true, detail: { isAny: this.hasFolded } }));
  }

  /** The lines from an index on have changed. */
  redrawFrom(index) {
    const row = this.#rowOf(index);
    for (; this.end > Math.max(row, this.first); this.end -= 1) this.rows.lastElementChild.remove();
    if (row <= this.first) this.#empty();
    this.heights.cut(row);
    this.shown.length = row;
    for (const line of this.folds.shown(this.log.lines, index)) {
      this.shown.push(line);
      this.heights.push(this.#guess(line));
    }
    this.draw();
  }

  mark(text, line) {
    this.found = { text: text.toLowerCase(), line };
    if (line >= 0) this.#open(line);
    this.#empty();
    if (line >= 0) this.goTo(line);
    else this.draw();
  }

  goTo(line) {
    this.follow(false);
    this.#open(line);
    const row = this.#rowOf(line);
    for (let tries = 0; tries < 3; tries += 1) {
      this.#scrollTo(Math.max(0, this.heights.top(row) - this.box.clientHeight / 3));
      this.#fit(); // what is drawn now has its true height
    }
  }

  follow(isOn) {
    if (this.isFollowing === isOn) return;
    this.isFollowing = isOn;
    this.box.dispatchEvent(new CustomEvent("dvm:follow", { bubbles: true, detail: { isOn } }));
    if (isOn) this.draw();
  }

  /** Which steps are done, as offsets of their titles. */
  setDone(offsets) {
    const isRead = !this.isFollowing && this.box.scrollTop > 0;
    if (this.folds.setDone(offsets, isRead)) this.#keepPlace(() => this.redraw());
  }

  get hasFolded() {
    return this.log.lines.some((line) => line.host !== undefined && !this.folds.isOpen(line.at));
  }

  /** Fold or unfold all steps. */
  foldAll(isFolded) {
    this.follow(false);
    this.folds.setAll(this.log.lines.filter((line) => line.host !== undefined).map((line) => line.at), !isFolded);
    this.#keepPlace(() => this.redraw());
  }

  #open(line) {
    const at = this.log.lines[line]?.host !== undefined ? null : this.folds.titleOf(this.log.lines, line);
    if (at === null || this.folds.isOpen(at)) return;
    this.folds.toggle(at);
    this.redraw();
  }

  #onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - NEAR;
    if (!this.isMoving) this.follow(isAtEnd);
    this.isMoving = false;
    this.#fit();
  }

  #onClick(event) {
    const title = event.target.closest?.("[data-fold]");
    if (!title) return;
    this.follow(false);
    const at = Number(title.dataset.fold);
    this.folds.toggle(at);
    this.#keepPlace(() => this.redraw());
    this.rows.querySelector(`[data-fold="${at}"]`)?.focus({ preventScroll: true });
  }

  #onResize() {
    const columns = this.box.classList.contains("wrap") ? this.#columns() : Infinity;
    if (columns !== this.columns && this.log) {
      const kept = this.#kept();
      this.columns = columns;
      this.redraw();
      this.#back(kept);
    } else this.draw();
  }

  #columns() {
    const probe = element("div", "line probe", "x".repeat(100));
    this.rows.append(probe);
    const width = probe.getBoundingClientRect().width / 100;
    probe.remove();
    return width > 0 ? Math.max(10, Math.floor((this.box.clientWidth - SIDE) / width)) : Infinity;
  }

  /** The height of a line before it is drawn; wide characters make it wrong until then. */
  #guess(index) {
    const line = this.log.lines[index];
    if (line.host !== undefined) return TITLE;
    const cells = line.text.includes("\x1b") ? this.log.plain(index).length : cellsOf(line.text, this.columns);
    return Math.max(1, Math.ceil(cells / this.columns)) * ROW;
  }

  /** The row of a line; of a folded one, the row that follows. */
  #rowOf(line) {
    let [low, high] = [0, this.shown.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle] < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first visible line, and how far above the window it begins. */
  #kept() {
    if (this.isFollowing || this.shown.length === 0) return null;
    const row = this.heights.at(this.box.scrollTop - PAD);
    return { line: this.shown[row], above: this.box.scrollTop - this.heights.top(row) };
  }

  #back(kept) {
    if (!kept) return;
    this.#scrollTo(this.heights.top(Math.min(this.#rowOf(kept.line), this.shown.length - 1)) + kept.above);
    this.#fit();
  }

  #keepPlace(change) {
    const kept = this.#kept();
    change();
    this.#back(kept);
  }

  #scrollTo(place) {
    const before = this.box.scrollTop;
    this.isMoving = true;
    this.box.scrollTop = place;
    if (this.box.scrollTop === before) this.isMoving = false; // no event comes
  }

  #inSight() {
    const count = this.shown.length;
    if (count <= WHOLE) return [0, count];
    const { scrollTop, clientHeight } = this.box;
    let first = Math.max(0, this.heights.at(scrollTop - PAD) - AROUND);
    let end = Math.min(count, this.heights.at(scrollTop + clientHeight) + 1 + AROUND);
    for (const row of this.#chosen()) {
      if (row < first && first - row < MOST_CHOSEN) first = row;
      if (row >= end && row - end < MOST_CHOSEN) end = row + 1;
    }
    return [first, end];
  }

  /** The rows in which a selection begins and ends: without them it would be lost. */
  #chosen() {
    const chosen = document.getSelection();
    if (!chosen || chosen.isCollapsed) return [];
    const rows = [chosen.anchorNode, chosen.focusNode].map((node) => (node instanceof Element ? node : node?.parentElement)?.closest?.(".line"));
    return rows.filter((row) => row?.parentElement === this.rows).map((row) => this.first + [...this.rows.children].indexOf(row));
  }

  #empty() {
    this.rows.replaceChildren();
    this.first = this.end = 0;
  }

  #fit() {
    const [first, end] = this.#inSight();
    if (first >= this.end || end <= this.first) {
      this.rows.replaceChildren();
      this.first = this.end = first;
    }
    for (; this.first < first; this.first += 1) this.rows.firstElementChild.remove();
    for (; this.end > end; this.end -= 1) this.rows.lastElementChild.remove();
    const before = this.#range(first, this.first);
    const after = this.#range(this.end, end);
    this.rows.prepend(...before);
    this.rows.append(...after);
    this.first = first;
    this.end = end;
    if (this.columns !== Infinity) this.#measure(before, first), this.#measure(after, end - after.length);
    this.ruler.style.height = `${this.heights.total + 2 * PAD}px`;
    this.rows.style.transform = `translateY(${this.heights.top(first)}px)`;
  }

  /** Replace guesses by true heights, without moving what is in sight. */
  #measure(rows, from) {
    const { scrollTop } = this.box;
    const inSight = this.heights.at(scrollTop - PAD);
    const found = rows.map((row) => row.offsetHeight);
    let moved = 0;
    found.forEach((height, i) => {
      const change = height - this.heights.heights[from + i];
      if (change === 0) return;
      this.heights.set(from + i, height);
      if (from + i < inSight) moved += change;
    });
    if (moved !== 0 && !this.isFollowing) {
      this.ruler.style.height = `${this.heights.total + 2 * PAD}px`;
      this.#scrollTo(scrollTop + moved);
    }
  }

  #range(from, to) {
    return Array.from({ length: Math.max(0, to - from) }, (_, index) => this.#row(this.shown[from + index]));
  }

  #row(index) {
    const line = this.log.lines[index];
    if (line.host === undefined) return lineRow(line, this.found, index);
    const isOpen = this.folds.isOpen(line.at);
    return titleRow(line, this.found, index, isOpen, isOpen ? "" : this.#linesIn(index));
  }

  #linesIn(title) {
    const { lines } = this.log;
    const row = this.#rowOf(title) + 1;
    const next = row < this.shown.length ? this.shown[row] : lines.length;
    const number = next - title - 1;
    return number === 1 ? "1 line" : `${number.toLocaleString("en")} lines`;
  }
}
