// Searches a log: every line that matches, also those of folded steps, and which of them is shown.

const SLICE = 8; // milliseconds before the page can react again
const LINES = 500; // between two looks at the clock

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

/** What is shown beside the field. */
export function counted(text, hit, count) {
  if (!text) return "";
  return count === 0 ? "No matches" : `${(hit + 1).toLocaleString("en")} of ${count.toLocaleString("en")}`;
}

export class LogSearch {
  constructor(view, say) {
    this.view = view; // a LogWindow
    this.say = say;
    this.text = "";
    this.forget();
  }

  /** The lines have moved: search all of them again. */
  forget() {
    this.hits = []; // indexes of matching lines
    this.hit = -1; // the shown one of them
    this.searched = 0; // lines searched so far
  }

  /** Search another text; shows its last match. */
  start(text) {
    this.text = text;
    this.forget();
    return this.#run(true);
  }

  /** Search the lines that have arrived since. */
  goOn() {
    return this.text ? this.#run(false) : undefined;
  }

  /** Show the next match, or the previous one. */
  step(by) {
    if (this.hits.length === 0) return;
    this.hit = (this.hit + by + this.hits.length) % this.hits.length;
    this.#show(true);
  }

  /** A slice at a time; a newer search ends this one. */
  async #run(isNew) {
    const token = (this.token = {});
    const { log } = this.view;
    const low = this.text.toLowerCase();
    // The last line may have been unfinished when it was searched.
    let line = Math.max(0, this.searched - 1);
    const hits = this.hits.filter((one) => one < line);
    for (let until = performance.now() + SLICE; low && line < log.lines.length; line += 1) {
      if (log.plain(line).toLowerCase().includes(low)) hits.push(line);
      if (line % LINES !== 0 || performance.now() < until) continue;
      await pause();
      if (this.token !== token) return;
      until = performance.now() + SLICE;
    }
    this.searched = line;
    this.hits = hits;
    if (isNew) this.hit = hits.length - 1;
    this.#show(isNew);
  }

  #show(isMove) {
    if (isMove) this.view.mark(this.text, this.hits[this.hit] ?? -1);
    this.say(counted(this.text, this.hit, this.hits.length));
  }
}
