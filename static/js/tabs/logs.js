// The tab Logs: scrolled to its end, also after a refresh if it was there; the matches one after the other.
// [data-log-view] holds [data-log-scroll] with <mark id="hit-N">; [data-hit="1"] and [data-hit="-1"] are next and previous
// [data-submit-on-change] submits its form

const SLACK = 24; // px from the end that still count as the end

let kept = null; // where the lines were scrolled to before a refresh
let current = 0; // the match that is shown

const lines = () => document.querySelector("[data-log-scroll]");
const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < SLACK;

function remember(event) {
  const box = lines();
  if (!box || event.detail.target?.id !== "log-lines") return;
  kept = { top: box.scrollTop, atEnd: isAtEnd(box) };
}

function putBack() {
  const box = lines();
  if (!box || box.dataset.isPlaced) return;
  box.dataset.isPlaced = "yes";
  const marks = box.querySelectorAll("mark");
  if (kept && !kept.atEnd) box.scrollTop = kept.top;
  else if (marks.length && !kept) go(marks.length, marks);
  else box.scrollTop = box.scrollHeight;
  kept = null;
  current = Math.min(current, marks.length);
  mark(marks);
}

function mark(marks) {
  marks.forEach((one, index) => one.classList.toggle("now", index + 1 === current));
  const count = document.querySelector("#log-count");
  if (count && marks.length && current) count.textContent = `${current} of ${marks.length}`;
}

/** Show match `number`, counted from 1; after the last comes the first. */
function go(number, marks = lines()?.querySelectorAll("mark") ?? []) {
  if (!marks.length) return;
  current = ((number - 1 + marks.length) % marks.length) + 1;
  marks[current - 1].scrollIntoView({ block: "center" });
  mark(marks);
}

export function once() {
  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submit-on-change]")) event.target.form.submit();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-hit]");
    if (button) go(current + Number(button.dataset.hit));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "log-query" || !lines()?.querySelector("mark")) return;
    event.preventDefault(); // the lines are searched while the user types
    go(current + (event.shiftKey ? -1 : 1));
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "log-query") [current, kept] = [0, null];
  });
}

export function refresh() {
  putBack();
}
