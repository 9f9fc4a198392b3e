// Line numbers, colours and errors at their lines for a textarea, which stays the field that is typed into and sent.
// data-editor (yaml, bash) around the textarea; [data-line] elements anywhere on the page: a wrong line and why

import { parts } from "./highlight.js";

const drawn = new WeakMap(); // textarea -> { numbers, text, lines }

function layer(className) {
  return Object.assign(document.createElement("div"), { className, ariaHidden: "true" });
}

/** Return the reasons by line number. */
function wrongLines() {
  const found = new Map();
  for (const one of document.querySelectorAll("[data-line]")) {
    const why = (one.dataset.why ?? one.textContent).replace(/^\s*Line \d+\.\s*/, "").trim();
    found.set(Number(one.dataset.line), [...(found.get(Number(one.dataset.line)) ?? []), why]);
  }
  return found;
}

function paint(line, language) {
  const row = document.createElement("div");
  for (const [name, text] of parts(line, language)) {
    if (name) row.append(Object.assign(document.createElement("span"), { className: name, textContent: text }));
    else row.append(text);
  }
  return row;
}

/** Draw the lines that changed; the others stay as they are. */
function draw(area) {
  const { numbers, text, lines } = drawn.get(area);
  const now = area.value.split("\n");
  const wrong = wrongLines();
  now.forEach((line, index) => {
    const why = wrong.get(index + 1)?.join(" ") ?? "";
    if (lines[index]?.line === line && lines[index].why === why) return;
    const row = paint(line, area.parentElement.dataset.editor);
    const number = Object.assign(document.createElement("div"), { textContent: index + 1 });
    if (why) {
      row.append(Object.assign(document.createElement("span"), { className: "why", textContent: why }));
      for (const one of [row, number]) one.classList.add("wrong");
      number.title = why;
    }
    if (index < text.children.length) [text.children[index].replaceWith(row), numbers.children[index].replaceWith(number)];
    else [text.append(row), numbers.append(number)];
    lines[index] = { line, why };
  });
  lines.length = now.length;
  for (const one of [text, numbers]) while (one.children.length > now.length) one.lastElementChild.remove();
  follow(area);
}

function follow(area) {
  const { numbers, text } = drawn.get(area);
  numbers.scrollTop = text.scrollTop = area.scrollTop;
  text.scrollLeft = area.scrollLeft;
}

function begin(area) {
  const box = area.parentElement;
  for (const old of box.querySelectorAll(".editor-numbers, .editor-text")) old.remove();
  const made = { numbers: layer("editor-numbers"), text: layer("editor-text"), lines: [] };
  drawn.set(area, made);
  box.prepend(made.numbers, made.text);
  box.classList.add("painted");
  area.addEventListener("input", () => draw(area));
  area.addEventListener("scroll", () => follow(area));
}

/** Called for new content: a replaced textarea is drawn anew, and errors move to their lines. */
export function refresh() {
  for (const area of document.querySelectorAll("[data-editor] > textarea")) {
    if (!drawn.has(area)) begin(area);
    draw(area);
  }
}
