// Selects several VMs: a click with Shift selects a range, x the current one, Escape clears.
// <input type=checkbox data-pick> in [data-card]; [data-selection] is the bar, with [data-selected-count],
// [data-select-all] and [data-select-none]; [data-select-every] is the checkbox in the head of the table.
// Only what is shown is selected: a filter that hides a VM takes it out.

let anchor = null; // the id of the last box that was clicked

const bar = () => document.querySelector("[data-selection]");
const boxes = () => [...document.querySelectorAll("[data-pick]")].filter((box) => !box.closest("[data-card]").hidden);
const selected = () => boxes().filter((box) => box.checked);

/** Return the places between two, with both. */
export function range(from, to) {
  const [first, last] = from < to ? [from, to] : [to, from];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function show() {
  if (!bar()) return;
  for (const box of document.querySelectorAll("[data-card][hidden] [data-pick]")) box.checked = false;
  const [all, some] = [boxes().length, selected().length];
  bar().toggleAttribute("data-some", some > 0);
  const text = some > 0 ? `${some} selected` : "";
  const count = bar().querySelector("[data-selected-count]");
  if (count.textContent !== text) count.textContent = text;
  const every = document.querySelector("[data-select-every]");
  if (every) [every.checked, every.indeterminate] = [all > 0 && some === all, some > 0 && some < all];
  const button = bar().querySelector("[data-select-all]");
  if (button) [button.textContent, button.disabled] = [`Select all ${all}`, some === all];
}

function set(isChecked) {
  for (const box of boxes()) box.checked = isChecked;
  show();
}

/** Select or deselect a card; false if it cannot be selected. */
export function toggle(card) {
  const box = card?.querySelector("[data-pick]");
  if (!box) return false;
  box.checked = !box.checked;
  anchor = box.id;
  show();
  return true;
}

/** Deselect all; false if none was selected. */
export function clear() {
  if (!bar() || selected().length === 0) return false;
  set(false);
  return true;
}

function onPick(event) {
  const box = event.target;
  const every = boxes();
  const [from, to] = [every.findIndex((one) => one.id === anchor), every.indexOf(box)];
  if (event.shiftKey && from >= 0) for (const place of range(from, to)) every[place].checked = box.checked;
  anchor = box.id;
  show();
}

export function once() {
  document.addEventListener("click", (event) => {
    if (event.target.matches?.("[data-pick]")) onPick(event);
    else if (event.target.matches?.("[data-select-every]")) set(event.target.checked);
    else if (event.target.closest?.("[data-select-all]")) set(true);
    else if (event.target.closest?.("[data-select-none]")) clear();
  });
  document.addEventListener("dvm:filtered", show);
  addEventListener("pageshow", show); // the browser can restore checked boxes
}

export const refresh = show;
