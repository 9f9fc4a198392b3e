// The heights of many rows, with the place of each: 100,000 rows are found by a height or an index without adding all.
// Pure.

const BLOCK = 256;
const TAB = 8;

/** About how many characters wide a text is; exact only where that can matter for a row of so many columns. */
export function cellsOf(text, columns) {
  let cells = text.length;
  if (cells * TAB <= columns || !text.includes("\t")) return cells;
  for (let at = text.indexOf("\t"); at >= 0; at = text.indexOf("\t", at + 1)) cells += TAB - 1;
  return cells;
}

export class RowHeights {
  constructor() {
    this.heights = [];
    this.sums = []; // of each block
    this.total = 0;
  }

  get count() {
    return this.heights.length;
  }

  /** Forget the rows from an index on. */
  cut(index) {
    for (let i = this.heights.length - 1; i >= index; i -= 1) this.set(i, 0);
    this.heights.length = Math.min(this.heights.length, index);
    this.sums.length = Math.ceil(this.heights.length / BLOCK);
  }

  clear() {
    this.heights = [];
    this.sums = [];
    this.total = 0;
  }

  push(height) {
    const block = Math.floor(this.heights.length / BLOCK);
    this.heights.push(height);
    this.sums[block] = (this.sums[block] ?? 0) + height;
    this.total += height;
  }

  set(index, height) {
    const change = height - this.heights[index];
    this.heights[index] = height;
    this.sums[Math.floor(index / BLOCK)] += change;
    this.total += change;
  }

  /** Where a row begins. */
  top(index) {
    const block = Math.floor(index / BLOCK);
    let top = 0;
    for (let i = 0; i < block; i += 1) top += this.sums[i];
    for (let i = block * BLOCK; i < index; i += 1) top += this.heights[i];
    return top;
  }

  /** The index of the row at a place; the nearest one outside of all. */
  at(place) {
    let block = 0;
    let top = 0;
    while (block < this.sums.length - 1 && top + this.sums[block] <= place) top += this.sums[block++];
    let index = block * BLOCK;
    while (index < this.heights.length - 1 && top + this.heights[index] <= place) top += this.heights[index++];
    return Math.min(index, Math.max(0, this.heights.length - 1));
  }
}
