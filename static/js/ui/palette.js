// The command palette: Ctrl-K or ⌘K opens a list of pages, VMs, verbs, recipes and jobs; typing filters it, Enter runs.
// <dialog data-palette="URL" data-csrf> with [data-palette-query], [data-palette-list], [data-palette-count];
// [data-palette-open] opens it and is shown by this script.

const SHOWN = 60;

let entries = [];
let hits = [];
let current = 0;

const dialog = () => document.querySelector("dialog[data-palette]");
const part = (name) => dialog().querySelector(`[data-palette-${name}]`);

/** How well a text matches a query: 0 for not at all. Each word must be in it; a word that begins one counts more. */
export function score(text, query) {
  const lower = text.toLowerCase();
  let sum = 1;
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = lower.indexOf(word);
    if (at < 0) return 0;
    const begins = at === 0 || /[^a-z0-9]/.test(lower[at - 1]);
    sum += (begins ? 4 : 1) + (lower === word ? 8 : 0);
  }
  return sum;
}

/** The entries that match, the best first; the given order for equal ones. */
export function matching(all, query) {
  if (!query.trim()) return all;
  const scored = all.map((entry) => [score(entry.text, query), entry]).filter(([points]) => points > 0);
  return scored.sort(([one], [other]) => other - one).map(([, entry]) => entry);
}

function item(entry, index) {
  const line = Object.assign(document.createElement("li"), { id: `palette-${index}` });
  line.setAttribute("role", "option");
  line.dataset.index = index;
  for (const [name, text] of [["kind", entry.group], ["text", entry.text], ["age", entry.detail]])
    line.append(Object.assign(document.createElement("span"), { className: name, textContent: text }));
  return line;
}

function show() {
  hits = matching(entries, part("query").value);
  current = 0;
  part("list").replaceChildren(...hits.slice(0, SHOWN).map(item));
  part("count").textContent = hits.length === 0 ? "Nothing matches." : hits.length > SHOWN ? `${hits.length - SHOWN} more` : "";
  mark();
}

function mark() {
  for (const line of part("list").children) line.setAttribute("aria-selected", String(Number(line.dataset.index) === current));
  const line = part("list").children[current];
  line?.scrollIntoView({ block: "nearest" });
  if (line) part("query").setAttribute("aria-activedescendant", line.id);
  else part("query").removeAttribute("aria-activedescendant");
}

async function open() {
  const place = dialog();
  if (!place || place.open) return;
  part("query").value = "";
  part("list").replaceChildren();
  part("count").textContent = "";
  place.showModal();
  const answer = await fetch(place.dataset.palette, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return (part("count").textContent = "The dashboard does not respond.");
  ({ entries } = await answer.json());
  show();
}

function run(entry) {
  const root = document.body.dataset.root;
  if (!entry.is_post) return location.assign(root + entry.path);
  const form = Object.assign(document.createElement("form"), { method: "post", action: root + entry.path, hidden: true });
  for (const [name, value] of Object.entries({ csrf: dialog().dataset.csrf, ...entry.fields }))
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
}

function onKey(event) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  const last = Math.min(hits.length, SHOWN);
  if (event.key in steps && last > 0) current = (current + steps[event.key] + last) % last;
  else if (event.key === "Enter" && hits[current] && !event.isComposing) run(hits[current]);
  else return;
  event.preventDefault();
  mark();
}

export function refresh() {
  const place = dialog();
  for (const button of document.querySelectorAll("[data-palette-open][hidden]")) button.hidden = false;
  if (!place || place.dataset.ready) return;
  place.dataset.ready = "";
  part("query").addEventListener("input", show);
  part("query").addEventListener("keydown", onKey);
  part("list").addEventListener("click", (event) => {
    const line = event.target.closest("[data-index]");
    if (line) run(hits[Number(line.dataset.index)]);
  });
}

export function once() {
  document.addEventListener("keydown", (event) => {
    const isWanted = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
    // In a terminal Ctrl-K belongs to the shell.
    if (!isWanted || event.target.closest?.(".xterm") || document.querySelector("dialog[open]:not([data-palette])")) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => event.target.closest?.("[data-palette-open]") && open());
}
