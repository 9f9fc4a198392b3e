// Filters the VMs by search text, by a chip and by lists to choose from; all of it is in the address of the page.
// <input type=search data-search>                words that must all be in data-text of a card or row
// <a data-filter="unsaved">                      one of its data-tags; "" shows all
// <select data-choice="recipe">                  the tag "recipe=VALUE"; "" shows all
// [data-hits] gets "3 of 5"; [data-no-hits] is shown if none matches, and its link clears everything
// dvm:filtered on the document: other VMs are shown

import { linkOf } from "../ui/shortcuts.js";

const KEPT = "dvm-search";
const CARDS = "[data-card]:not([data-new-vm])";

let tag = ""; // of the current chip

const fieldNow = () => document.querySelector("[data-search]");
const choices = () => [...document.querySelectorAll("[data-choice]")];
const isList = () => Boolean(fieldNow() && document.querySelector("[data-cards]"));

/** Return whether a card has all tags and contains every word. */
export function isHit(text, tags, words, wanted) {
  const [low, own] = [text.toLowerCase(), tags.split(/\s+/)];
  return wanted.every((one) => own.includes(one)) && words.every((word) => low.includes(word));
}

function wantedTags() {
  const chosen = choices().filter((one) => one.value).map((one) => `${one.dataset.choice}=${one.value}`);
  return [...(tag ? [tag] : []), ...chosen];
}

function filter() {
  if (!isList()) return;
  press();
  const words = fieldNow().value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = wantedTags();
  const cards = [...document.querySelectorAll(`[data-cards] ${CARDS}`)];
  for (const card of cards) card.hidden = !isHit(card.dataset.text ?? card.textContent, card.dataset.tags ?? "", words, wanted);
  const isFiltered = words.length > 0 || wanted.length > 0;
  for (const tile of document.querySelectorAll("[data-cards] > [data-new-vm]")) tile.hidden = isFiltered;
  showCount(cards, isFiltered);
  document.dispatchEvent(new Event("dvm:filtered"));
}

function showCount(cards, isFiltered) {
  const left = cards.filter((card) => !card.hidden).length;
  for (const none of document.querySelectorAll("[data-no-hits]")) none.hidden = left > 0 || !isFiltered;
  for (const hits of document.querySelectorAll("[data-hits]")) {
    const text = isFiltered ? `${left} of ${cards.length}` : "";
    if (hits.textContent !== text) hits.textContent = text;
  }
}

/** Mark the current chip; a chip that is not there any more filters nothing. */
function press() {
  const chips = [...document.querySelectorAll("[data-filter]")];
  if (!chips.some((chip) => chip.dataset.filter === tag)) tag = "";
  for (const chip of chips) {
    if (chip.dataset.filter === tag) chip.setAttribute("aria-current", "true");
    else chip.removeAttribute("aria-current");
  }
}

/** Put the filters into the address, for a reload and a bookmark, and remember them for this tab. */
function keep() {
  const facts = new URLSearchParams(location.search);
  for (const [name, value] of [["q", fieldNow().value.trim()], ["show", tag], ...choices().map((one) => [one.dataset.choice, one.value])]) {
    if (value) facts.set(name, value);
    else facts.delete(name);
  }
  const query = facts.size > 0 ? `?${facts}` : "";
  history.replaceState(history.state, "", `${location.pathname}${query}`);
  try {
    sessionStorage.setItem(KEPT, query);
  } catch {
    // Storage is disabled: the list starts without filters after another page.
  }
}

/** Take the filters of the address, else the last ones of this tab. */
function restore() {
  if (!isList()) return;
  let query = location.search;
  try {
    query ||= sessionStorage.getItem(KEPT) ?? "";
  } catch {
    // Storage is disabled.
  }
  const facts = new URLSearchParams(query);
  fieldNow().value ||= facts.get("q") ?? "";
  tag = facts.get("show") ?? "";
  for (const one of choices()) one.value = facts.get(one.dataset.choice) ?? "";
  if (!location.search && query) keep();
}

function change() {
  filter();
  keep();
}

function clear() {
  fieldNow().value = tag = "";
  for (const one of choices()) one.value = "";
  change();
}

function openFirst() {
  const card = document.querySelector(`[data-cards] ${CARDS}:not([hidden])`);
  if (card) linkOf(card).click();
}

function onClick(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0 || !isList()) return;
  const chip = event.target.closest?.("[data-filter]");
  if (!chip && !event.target.closest?.("[data-no-hits] a")) return;
  event.preventDefault();
  if (!chip) return clear();
  tag = chip.dataset.filter;
  change();
}

export function once() {
  restore();
  document.addEventListener("input", (event) => event.target.matches?.("[data-search]") && change());
  document.addEventListener("change", (event) => event.target.matches?.("[data-choice]") && change());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("[data-search]")) return;
    event.preventDefault();
    if (event.target.value) openFirst();
  });
  document.addEventListener("click", onClick);
}

export const refresh = filter;
