// The lines of a log as its bytes arrive: split, cut to length, coloured across line ends, with the step titles between.
// Pure: bytes in, lines out.

import { PLAIN, styleAfter, stripped } from "./ansi.js";

export const LONGEST = 4096; // bytes of a line that are kept
export const MOST = 400000; // lines that are kept; the download has all
const NEWLINE = 10;
const RETURN = 13;

export class LogLines {
  constructor(from = 0) {
    this.lines = []; // {at, text, style, cut, ours} or {at, host}; ours: written by dvm, not by the guest
    this.dropped = 0; // earlier lines that are no longer kept
    this.next = from; // offset of the next byte
    this.style = PLAIN;
    this.open = null; // the unfinished line: {at, bytes, cut}
    this.isReturned = false; // the last byte was CR: a following LF belongs to it
    this.places = []; // where dvm itself wrote in the last bytes
    this.hostKey = "[]"; // the host lines as last set
    this.hostCount = 0;
    this.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  /** Append bytes; return the index of the first existing line that changed, or -1.
   * `ours`: [from, to] offsets of what dvm itself wrote. The origin of a line is never derived from its text. */
  add(bytes, ours = []) {
    this.places = ours;
    const changed = this.#hideOpen();
    let from = this.isReturned && bytes[0] === NEWLINE ? 1 : 0;
    if (bytes.length > 0) this.isReturned = bytes.at(-1) === RETURN;
    const ends = new LineEnds(bytes);
    for (let end = ends.after(from); end < bytes.length; end = ends.after(from)) {
      this.#take(bytes.subarray(from, end), this.next + from);
      this.#close();
      from = end + (bytes[end] === RETURN && bytes[end + 1] === NEWLINE ? 2 : 1);
    }
    if (from < bytes.length) this.#take(bytes.subarray(from), this.next + from);
    this.next += bytes.length;
    if (this.open) this.#put(this.#read(this.open));
    this.#forget();
    return changed;
  }

  /** Insert host lines, [offset, title] in order, before the bytes at their offsets; return whether anything changed. */
  setHosts(hosts) {
    const key = JSON.stringify(hosts);
    if (key === this.hostKey) return false;
    this.hostKey = key;
    const kept = this.lines.filter((line) => line.host === undefined);
    const oldest = kept[0]?.at ?? 0;
    const waiting = hosts.filter(([at]) => at >= oldest || this.dropped === 0).map(([at, host]) => ({ at, host }));
    this.hostCount = waiting.length;
    this.lines = [];
    for (const line of kept) {
      while (waiting.length > 0 && waiting[0].at <= line.at) this.lines.push(waiting.shift());
      this.lines.push(line);
    }
    for (const line of waiting) this.lines.push(line);
    return true;
  }

  /** The index of the first line that begins at an offset or after it. */
  indexAt(at) {
    let [low, high] = [0, this.lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle].at < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The text of a line as it is shown. */
  plain(index) {
    const line = this.lines[index];
    return line.host ?? stripped(line.text);
  }

  #take(bytes, at) {
    this.open ??= { at, bytes: [], length: 0, cut: 0, ours: this.places.some(([from, to]) => from <= at && at < to) };
    const room = Math.max(0, LONGEST - this.open.length);
    const kept = bytes.subarray(0, room);
    if (kept.length > 0) this.open.bytes.push(kept.slice()); // a copy, so that the whole response is not kept in memory
    this.open.length += kept.length;
    this.open.cut += bytes.length - kept.length;
  }

  #close() {
    const line = this.#read(this.open);
    this.style = line.text.includes("\x1b") ? styleAfter(line.text, this.style) : this.style;
    this.#put(line);
    this.open = null;
  }

  /** Remove the unfinished line until it is read again; return its index or -1. */
  #hideOpen() {
    if (!this.open) return -1;
    const index = this.#after(this.open.at);
    this.lines.splice(index, 1);
    return index;
  }

  #put(line) {
    const last = this.lines.at(-1);
    if (!last || last.at <= line.at) this.lines.push(line);
    else this.lines.splice(this.#after(line.at), 0, line); // a host line follows an unfinished line
  }

  /** The index for the line at an offset, after the host lines there. */
  #after(at) {
    let index = this.indexAt(at);
    while (this.lines[index]?.at === at && this.lines[index].host !== undefined) index += 1;
    return index;
  }

  #read({ at, bytes, cut, ours }) {
    const whole = bytes.length === 1 ? bytes[0] : join(bytes);
    return { at, text: this.decoder.decode(whole), style: ours ? PLAIN : this.style, cut, ours };
  }

  #forget() {
    const extra = this.lines.length - MOST;
    if (extra <= MOST / 10) return;
    this.lines.splice(0, extra);
    this.dropped += extra;
  }
}

/** Finds line ends. CR ends a line as well, so that text that a terminal would overwrite stays readable. */
class LineEnds {
  constructor(bytes) {
    this.bytes = bytes;
    this.newline = this.return = -1; // the next of each
  }

  /** The index of the first line end from an index on; the length where there is none. */
  after(from) {
    if (this.newline < from) this.newline = this.#find(NEWLINE, from);
    if (this.return < from) this.return = this.#find(RETURN, from);
    return Math.min(this.newline, this.return);
  }

  #find(byte, from) {
    const at = this.bytes.indexOf(byte, from);
    return at < 0 ? this.bytes.length : at;
  }
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
