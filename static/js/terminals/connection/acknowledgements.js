// Acknowledges drawn output to the keeper: at once after many bytes, after a short delay for few.

const EVERY = 65536; // bytes drawn
const AFTER = 40; // milliseconds, for fewer bytes

export class Acknowledgements {
  /** `acknowledge(at)` sends that all bytes before the offset `at` are drawn. */
  constructor(acknowledge) {
    this.acknowledge = acknowledge;
    this.timer = 0;
    this.jump(0);
  }

  /** The next byte is at `offset`; a gap before it counts as drawn. */
  jump(offset) {
    this.drawn = this.acknowledged = offset;
  }

  /** All bytes before the offset `upTo` are drawn. */
  add(upTo) {
    this.drawn = Math.max(this.drawn, upTo); // drawn late, before a gap: already counted
    if (this.drawn - this.acknowledged >= EVERY) this.send();
    else if (!this.timer) this.timer = setTimeout(() => this.send(), AFTER);
  }

  send() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.drawn <= this.acknowledged) return;
    this.acknowledged = this.drawn;
    this.acknowledge(this.acknowledged);
  }
}
