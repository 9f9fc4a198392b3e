// Which lines of a log are shown: those of folded steps are not, only their titles. A step that is done is folded until
// the user opens it, and stays open if it ends while the user reads it. Pure.

export class LogFolds {
  constructor() {
    this.done = new Set(); // offsets of the titles of steps that are done
    this.chosen = new Map(); // offset of a title -> whether the user wants it open
  }

  /** Set which steps are done; while `isRead`, those that end now stay open. Returns whether anything changed. */
  setDone(offsets, isRead) {
    const fresh = offsets.filter((at) => !this.done.has(at));
    if (fresh.length === 0 && offsets.length === this.done.size) return false;
    if (isRead) for (const at of fresh) if (!this.chosen.has(at)) this.chosen.set(at, true);
    this.done = new Set(offsets);
    return true;
  }

  isOpen(at) {
    return this.chosen.get(at) ?? !this.done.has(at);
  }

  toggle(at) {
    this.chosen.set(at, !this.isOpen(at));
  }

  /** Open or fold all of these. */
  setAll(offsets, isOpen) {
    for (const at of offsets) this.chosen.set(at, isOpen);
  }

  /** The indexes of the shown lines, of those from one line on. */
  shown(lines, from = 0) {
    const indexes = [];
    let title = this.titleOf(lines, from);
    let isOpen = title === null || this.isOpen(title);
    for (let i = from; i < lines.length; i += 1) {
      const line = lines[i];
      if (line.host !== undefined) {
        indexes.push(i);
        isOpen = this.isOpen(line.at);
      } else if (isOpen) indexes.push(i);
    }
    return indexes;
  }

  /** The offset of the title above a line, null above the first. */
  titleOf(lines, index) {
    for (let i = Math.min(index, lines.length) - 1; i >= 0; i -= 1) if (lines[i].host !== undefined) return lines[i].at;
    return null;
  }
}
