// The input of a terminal as a stream with offsets, like its output: what has not arrived when a connection breaks is sent
// again by the next one, exactly once. No side effects.

const KEPT = 65536; // bytes that may have to be sent again
const MOST_HELD = 4096; // bytes typed while disconnected
// What xterm itself sends: answers to a program's queries, focus and mouse reports.
const ANSWER = /^\x1b(?:\[[?>=]?[\d;]*(?:c|n|R|t|\$y)|[P\]_])/;
const REPORT = /^\x1b\[(?:[IO]$|<[\d;]+[Mm]|M)/;

/** Was this typed by a person, so that it is held while disconnected? While output is drawn, xterm may be answering. */
export function isTyped(text, isDrawing) {
  return !REPORT.test(text) && !(isDrawing && ANSWER.test(text));
}

/** An ID for this window: attaching with it again ends its previous connection, which may not have noticed its break. */
export function newClientId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class InputStream {
  constructor() {
    this.start(0);
  }

  /** Nothing is pending; the terminal has received `taken` bytes. */
  start(taken) {
    this.kept = new Uint8Array(0);
    this.end = this.sent = taken; // offset after the last byte; offset up to which it was sent
  }

  get pending() {
    return this.end - this.sent;
  }

  /** Append bytes. */
  add(bytes) {
    const room = Math.max(KEPT, this.pending + bytes.length);
    const all = new Uint8Array(this.kept.length + bytes.length);
    all.set(this.kept);
    all.set(bytes, this.kept.length);
    this.kept = all.subarray(Math.max(0, all.length - room));
    this.end += bytes.length;
  }

  /** Append bytes while disconnected; false where too many are pending already. */
  hold(bytes) {
    if (this.pending + bytes.length > MOST_HELD) return false;
    this.add(bytes);
    return true;
  }

  /** The pending bytes, which count as sent from now on. */
  take() {
    const bytes = this.kept.subarray(this.kept.length - this.pending);
    this.sent = this.end;
    return bytes;
  }

  /** Reconnected: the terminal has received `taken` bytes (undefined: not counted). Returns how many are lost. */
  resume(taken = this.sent) {
    const missing = Math.max(0, Math.min(this.end - taken, this.end));
    const found = Math.min(missing, this.kept.length);
    this.kept = this.kept.slice(this.kept.length - found);
    this.sent = taken;
    this.end = taken + found;
    return missing - found;
  }
}
