// Keyboard shortcuts: / search, n new VM, ? help; among VMs arrows, j k, t s e (terminal, sync, edit), x select; Escape.
// <html data-keys="off">: no key of one character (WCAG 2.1.4), a preference of the user.
// [data-search] [data-log-search] [data-job-search]  [data-new-vm]  [data-help] opens [data-help-dialog]
// [data-cards] holds [data-card]; the focus goes to its [data-card-link], or its .name, or to the card itself.

import { clear, toggle } from "../list/selection.js";

const TYPING = "input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable], .xterm";
const SEARCHES = "[data-search], [data-log-search], [data-job-search]";

const isShown = (element) => element.checkVisibility?.() ?? element.offsetParent !== null;
const firstShown = (selector) => [...document.querySelectorAll(selector)].find(isShown);

export function linkOf(card) {
  return card.querySelector("[data-card-link], .name") ?? card;
}

/** Open the list of shortcuts; false if the page has none. */
function openHelp() {
  const dialog = document.querySelector("[data-help-dialog]");
  if (!dialog?.showModal) return false;
  if (!dialog.open) dialog.showModal();
  return true;
}

const KEYS = {
  "/": () => {
    const field = firstShown(SEARCHES);
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  n: () => {
    const link = firstShown("a[data-new-vm]");
    link?.click();
    return Boolean(link);
  },
  "?": openHelp,
  j: () => moveFocus("next", currentCard()),
  k: () => moveFocus("previous", currentCard()),
  s: () => press("sync"),
  t: () => press("terminal"),
  e: () => press("more-edit") || press("edit"),
  x: () => toggle(currentCard()),
};

const currentCard = () => document.activeElement?.closest("[data-card]") ?? null;

/** Press a button or link of the current VM, by its id; false if it has none. */
function press(action) {
  const card = currentCard();
  const target = card?.dataset.vm ? card.querySelector(`#${CSS.escape(`${card.dataset.vm}-${action}`)}`) : null;
  target?.click();
  return Boolean(target);
}

/** Return the index of the nearest card in a direction, by position on the screen. */
export function neighbour(boxes, from, key) {
  if (key === "next" || key === "ArrowRight") return Math.min(from + 1, boxes.length - 1);
  if (key === "previous" || key === "ArrowLeft") return Math.max(from - 1, 0);
  const here = boxes[from];
  const middle = (box) => box.left + box.width / 2;
  const isBeyond = (box) => (key === "ArrowDown" ? box.top > here.top + 1 : box.top < here.top - 1);
  let best = from;
  let cost = Infinity;
  boxes.forEach((box, index) => {
    const distance = Math.abs(box.top - here.top) * 1000 + Math.abs(middle(box) - middle(here));
    if (isBeyond(box) && distance < cost) [best, cost] = [index, distance];
  });
  return best;
}

function moveFocus(key, from) {
  const cards = [...document.querySelectorAll("[data-cards] [data-card]")].filter(isShown);
  if (cards.length === 0) return false;
  const index = cards.indexOf(from);
  const boxes = cards.map((card) => card.getBoundingClientRect());
  const next = index < 0 ? 0 : neighbour(boxes, index, key);
  if (next === index && document.activeElement === linkOf(cards[next])) return true;
  linkOf(cards[next]).focus();
  cards[next].scrollIntoView({ block: "nearest" });
  return true;
}

function onArrow(event) {
  const focused = document.activeElement;
  const card = focused?.closest("[data-card]");
  const isFromSearch = event.key === "ArrowDown" && focused?.matches("[data-search]");
  const isFromNowhere = focused === document.body || focused === null || focused.id === "main";
  if (focused?.closest("[open].menu, [popover]")) return false;
  return card || isFromSearch || isFromNowhere ? moveFocus(event.key, card) : false;
}

function onEscape(event) {
  const field = event.target;
  if (document.querySelector("details.menu[open], :popover-open")) return false;
  if (!field.matches?.(SEARCHES)) return clear();
  if (field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  } else field.blur();
  return true;
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return; // it has its own keys
  const isTyping = event.target.closest?.(TYPING);
  let isDone = false;
  if (event.key === "Escape") isDone = onEscape(event);
  else if (event.key.startsWith("Arrow") && (!isTyping || event.target.matches("[data-search]"))) isDone = onArrow(event);
  else if (document.documentElement.dataset.keys === "off") return;
  else if (!isTyping && Object.hasOwn(KEYS, event.key)) isDone = KEYS[event.key]();
  if (isDone) event.preventDefault();
}

export function once() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-help]") && openHelp()) event.preventDefault();
    // A click on the backdrop of an open dialog closes it; a click inside has another target.
    if (event.target.matches?.("dialog[open]")) event.target.close();
  });
}
