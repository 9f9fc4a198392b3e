// Draws one row of a log: a line with its colours and marks, or the title of a step, which is a button that folds it.

import { pieces } from "./ansi.js";

/** The row of a line; `found` is what is searched and the line of the current match. */
export function lineRow(line, found, index) {
  const row = element("div", line.ours ? "line host" : "line");
  for (const [text, names] of pieces(line.text, line.style)) row.append(...withMarks(text, found, index, names));
  if (line.cut) row.append(noted(` \u2026 ${line.cut.toLocaleString("en")} more bytes`, "The whole line is in the download"));
  return row;
}

/** The row of the title of a step; `lines` says how many are folded. */
export function titleRow(line, found, index, isOpen, lines) {
  const row = element("div", "line host step");
  const button = Object.assign(element("button", "fold"), { type: "button" });
  button.dataset.fold = line.at;
  button.setAttribute("aria-expanded", String(isOpen));
  button.append(...withMarks(line.host, found, index, ""));
  row.append(button);
  if (lines) row.dataset.lines = lines; // drawn by the style sheet: not copied
  return row;
}

function withMarks(text, found, index, names) {
  const low = found.text ? text.toLowerCase() : "";
  const out = [];
  let from = 0;
  for (let at = found.text ? low.indexOf(found.text) : -1; at >= 0; at = low.indexOf(found.text, from)) {
    const end = at + found.text.length;
    out.push(piece(text.slice(from, at), names), element("mark", index === found.line ? "now" : "", text.slice(at, end)));
    from = end;
  }
  out.push(piece(text.slice(from), names));
  return out;
}

/** Put the selected rows on the clipboard as they were printed: no colour, no wrap, no mark. */
export function copy(event, rows) {
  const range = document.getSelection().rangeCount ? document.getSelection().getRangeAt(0) : null;
  if (!range || range.collapsed || !rows.contains(range.commonAncestorContainer)) return;
  const chosen = [...rows.children].filter((row) => range.intersectsNode(row));
  event.clipboardData.setData("text/plain", chosen.map((row) => within(range, row)).join("\n"));
  event.preventDefault();
}

/** The text of a row, or of the part of it that is in a range. */
function within(range, row) {
  const part = document.createRange();
  part.selectNodeContents(row);
  if (row.contains(range.startContainer)) part.setStart(range.startContainer, range.startOffset);
  if (row.contains(range.endContainer)) part.setEnd(range.endContainer, range.endOffset);
  return part.toString();
}

export function element(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

const piece = (text, names) => (names ? element("span", names, text) : document.createTextNode(text));
const noted = (text, title) => Object.assign(element("span", "cut", text), { title });
