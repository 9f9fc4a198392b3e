// The grid of recipes: search, the line with the summary of the recipe in focus, and chips that can be moved.
// [data-find-recipe] [data-recipe-details] [data-recipe-said]; [data-chosen] with [data-chip], [data-chip-grip],
// [data-chip-remove], [data-needed] and the inputs `order`; [data-recipe] is a cell

const grid = () => document.getElementById("f-grid");
const cellOf = (name) => [...document.querySelectorAll("[data-recipe]")].find((cell) => cell.dataset.recipe === name);
const chips = () => [...document.querySelectorAll("[data-chosen] [data-chip]")];

let dragged = null;
let kept = null; // the id of a button of a chip that had the focus when an answer came

function say(text) {
  const place = document.querySelector("[data-recipe-said]");
  if (place) place.textContent = text;
}

// -- search ---------------------------------------------------------------------------------------------------------

function find(words) {
  let count = 0;
  for (const group of grid().children) {
    const cells = [...group.querySelectorAll("[data-recipe]")];
    for (const cell of cells) {
      const text = `${group.querySelector("h3").textContent} ${cell.textContent}`.toLowerCase();
      cell.hidden = !words.every((word) => text.includes(word));
      const settings = cell.nextElementSibling;
      if (settings?.matches("[data-settings]")) settings.hidden = cell.hidden;
    }
    group.hidden = cells.every((cell) => cell.hidden);
    count += cells.filter((cell) => !cell.hidden).length;
  }
  if (words.length > 0) say(count === 0 ? "No recipe matches." : `${count} ${count === 1 ? "recipe matches" : "recipes match"}.`);
  const details = document.querySelector("[data-recipe-details]");
  details.textContent = count === 0 ? "No recipe matches." : "";
}

function onFind(event) {
  event.stopPropagation(); // it is no field of the form
  find(event.target.value.toLowerCase().split(/\s+/).filter(Boolean));
}

function onFindKey(event) {
  const shown = [...grid().querySelectorAll("[data-recipe]:not([hidden])")];
  if (event.key === "Escape" && event.target.value) {
    event.target.value = "";
    find([]);
  } else if (event.key === "ArrowDown") shown[0]?.querySelector("input")?.focus();
  else if (event.key !== "Enter") return;
  else if (!event.ctrlKey && !event.metaKey && shown.length === 1) shown[0].querySelector("input").click();
  if (event.ctrlKey || event.metaKey) return;
  event.preventDefault();
}

// -- the summary of one recipe ---------------------------------------------------------------------------------------

function onPoint(event) {
  const cell = event.target.closest?.("[data-recipe]");
  const place = cell && document.querySelector("[data-recipe-details]");
  if (place) place.textContent = `${cell.dataset.recipe}: ${cell.querySelector(".sum").textContent}`;
}

// -- chips -----------------------------------------------------------------------------------------------------------

/** A newly chosen recipe runs after those chosen before. */
function onChoose(event) {
  const { name, value, checked } = event.target;
  const room = document.querySelector("[data-chosen]");
  if (name !== "recipe" || !room) return;
  for (const input of room.querySelectorAll('[name="order"]')) if (input.value === value) input.remove();
  if (checked) room.append(Object.assign(document.createElement("input"), { type: "hidden", name: "order", value }));
}

/** Write the order of the chips into the inputs, and let the form ask what that means. */
function sendOrder(names) {
  const room = document.querySelector("[data-chosen]");
  for (const input of room.querySelectorAll('[name="order"]:not([value=""])')) input.remove();
  room.prepend(...names.map((value) => Object.assign(document.createElement("input"), { type: "hidden", name: "order", value })));
  room.dispatchEvent(new Event("input", { bubbles: true }));
}

function move(chip, to) {
  const all = chips();
  const from = all.indexOf(chip);
  if (to < 0 || to >= all.length || to === from) return;
  const focused = document.activeElement;
  if (to > from) all[to].after(chip);
  else all[to].before(chip);
  if (chip.contains(focused)) focused.focus();
  say(`${chip.dataset.chip} is now ${to + 1} of ${all.length}.`);
  sendOrder(chips().map((one) => one.dataset.chip));
}

function remove(chip) {
  const box = cellOf(chip.dataset.chip)?.querySelector("input");
  if (!box) return;
  const next = chips()[chips().indexOf(chip) + 1] ?? chips()[chips().indexOf(chip) - 1];
  (next?.querySelector("[data-chip-remove]") ?? document.getElementById("f-find"))?.focus();
  chip.remove();
  box.click();
  say(`${chip.dataset.chip} removed.`);
}

function onKey(event) {
  const chip = event.target.closest?.("[data-chip]");
  if (!chip) return;
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (step && event.altKey) move(chip, chips().indexOf(chip) + step);
  else if (event.key === "Delete") remove(chip);
  else return;
  event.preventDefault();
}

/** Without dragging: a click on the grip moves the recipe one place on, from the last to the first. */
function onClick(event) {
  const chip = event.target.closest?.("[data-chip]");
  if (!chip) return;
  if (event.target.closest("[data-chip-remove]")) remove(chip);
  else if (event.target.closest("[data-chip-grip]")) move(chip, (chips().indexOf(chip) + 1) % chips().length);
}

function onDrag(event) {
  const chip = event.target.closest?.("[data-chip]");
  if (event.type === "dragstart" && chip) {
    dragged = chip;
    event.dataTransfer.setData("text/plain", chip.dataset.chip);
    event.dataTransfer.effectAllowed = "move";
    chip.classList.add("dragged");
  } else if (!dragged) return;
  else if (event.type === "dragover" && event.target.closest?.("[data-chosen]")) {
    event.preventDefault();
    for (const one of chips()) one.classList.toggle("before", one === chip && chip !== dragged);
  } else if (event.type === "drop" && chip) {
    event.preventDefault();
    move(dragged, chips().indexOf(chip));
  } else if (event.type === "dragend") {
    for (const one of chips()) one.classList.remove("before", "dragged");
    dragged = null;
  }
}

export function once() {
  document.addEventListener("focusin", onPoint);
  document.addEventListener("pointerover", onPoint);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("input", onChoose, { capture: true }); // before the form is sent
  for (const type of ["dragstart", "dragover", "drop", "dragend"]) document.addEventListener(type, onDrag);
  // An answer would replace the chip that is being dragged; the drop asks again.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (dragged) event.detail.shouldSwap = false;
    const focused = document.activeElement?.closest("[data-chip] button");
    kept = focused ? focused.id : null;
  });
}

export function refresh() {
  const field = document.querySelector("[data-find-recipe]:not([data-is-set])");
  if (field) {
    field.dataset.isSet = "";
    field.addEventListener("input", onFind);
    field.addEventListener("keydown", onFindKey);
  }
  for (const chip of chips()) chip.draggable = true;
  if (kept && document.activeElement === document.body) document.getElementById(kept)?.focus({ preventScroll: true });
  kept = null;
  const needed = new Set([...document.querySelectorAll("[data-needed]")].map((chip) => chip.dataset.needed));
  for (const cell of document.querySelectorAll("[data-recipe]")) cell.classList.toggle("on", needed.has(cell.dataset.recipe));
}
