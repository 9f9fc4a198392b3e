// What goes into a terminal, as a stream with offsets like its output: what has not arrived when a line breaks is sent
// again by the next one, once. Pure but for its own memory.

const KEPT = 65536; // bytes that may have to be sent again
const MOST_HELD = 4096; // bytes typed while there is no line
// What xterm itself says: answers to what a program asked, where the focus is, what the mouse does.
const ANSWER = /^\x1b(?:\[[?>=]?[\d;]*(?:c|n|R|t|u|\$y)|[P\]_])/;
const REPORT = /^\x1b\[(?:[IO]$|<[\d;]+[Mm]|M)/;

/** May this be held until there is a line? Only what a person typed; while output is drawn, xterm may be answering. */
export function isTyped(text, isDrawing) {
  return !REPORT.test(text) && !(isDrawing && ANSWER.test(text));
}

/** A name for whoever types in this window: it ends the line before, which may not know yet that it is broken. */
export function newTypist() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Typing {
  constructor() {
    this.start(0);
  }

  /** Nothing waits; the terminal has taken so many bytes. */
  start(taken) {
    this.kept = new Uint8Array(0);
    this.end = this.given = taken; // offset after the last byte; offset up to which the line has got them
  }

  get waiting() {
    return this.end - this.given;
  }

  /** Put bytes behind the others. */
  add(bytes) {
    const room = Math.max(KEPT, this.waiting + bytes.length);
    const all = new Uint8Array(this.kept.length + bytes.length);
    all.set(this.kept);
    all.set(bytes, this.kept.length);
    this.kept = all.subarray(Math.max(0, all.length - room));
    this.end += bytes.length;
  }

  /** Put bytes behind the others until there is a line; false where too many wait already. */
  hold(bytes) {
    if (this.waiting + bytes.length > MOST_HELD) return false;
    this.add(bytes);
    return true;
  }

  /** The bytes that the line has not got; it has them from now on. */
  give() {
    const bytes = this.kept.subarray(this.kept.length - this.waiting);
    this.given = this.end;
    return bytes;
  }

  /** A new line: the terminal has taken `taken` bytes (undefined: it does not count). Returns how many are lost. */
  resume(taken = this.given) {
    const missing = Math.max(0, Math.min(this.end - taken, this.end));
    const found = Math.min(missing, this.kept.length);
    this.kept = this.kept.slice(this.kept.length - found);
    this.given = taken;
    this.end = taken + found;
    return missing - found;
  }
}
