// Filters cards by search text and by a filter button; both survive polls, and reloads in this tab.
// <input type=search data-search="#cards">     words that must all be in the card (data-text, else its text)
// <button data-filter="unsaved" aria-pressed>  one of the card's data-tags; "" shows all
// [data-hits] gets "3 of 5"; [data-no-hits] is shown if no card matches, and its link clears search and filter

import { linkOf } from "../ui/shortcuts.js";

const KEPT = "dvm-search";
const CARDS = "[data-card]:not([data-new-vm])";

let tag = ""; // the pressed filter; a poll replaces its buttons

const fieldNow = () => document.querySelector("[data-search]");

/** Return whether a card has the tag ("" matches all) and contains every word. */
export function isHit(text, tags, words, tag) {
  const low = text.toLowerCase();
  return (!tag || tags.split(/\s+/).includes(tag)) && words.every((word) => low.includes(word));
}

function filter() {
  const field = fieldNow();
  const list = field && document.querySelector(field.dataset.search || "[data-cards]");
  if (!list) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  press();
  const cards = [...list.querySelectorAll(CARDS)];
  for (const card of cards) {
    const text = card.dataset.text ?? card.textContent;
    card.hidden = !isHit(text, card.dataset.tags ?? "", words, tag);
  }
  showCount(cards, words.length > 0 || tag !== "");
}

function showCount(cards, isFiltered) {
  const left = cards.filter((card) => !card.hidden).length;
  // A search in the address was done by the server: the page has only the cards that match it.
  const all = Math.max(cards.length, Number(document.querySelector("#count-all")?.textContent ?? 0));
  for (const none of document.querySelectorAll("[data-no-hits]")) none.hidden = left > 0 || !isFiltered;
  for (const hits of document.querySelectorAll("[data-hits]")) {
    const text = isFiltered ? `${left} of ${all}` : "";
    if (hits.textContent !== text) hits.textContent = text;
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([fieldNow()?.value ?? "", tag]));
  } catch {
    // Storage is disabled: a reload forgets the search.
  }
}

/** Mark the active filter; reset it if the page no longer has it. */
function press() {
  const buttons = [...document.querySelectorAll("[data-filter]")];
  if (!buttons.some((button) => button.dataset.filter === tag)) tag = "";
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.filter === tag));
}

/** Restore the last search of this tab, unless the address contains one. */
function restore() {
  if (location.search) tag = document.querySelector('[data-filter][aria-pressed="true"]')?.dataset.filter ?? "";
  if (location.search || !fieldNow()) return;
  try {
    const [words, kept] = JSON.parse(sessionStorage.getItem(KEPT) ?? '["",""]');
    fieldNow().value ||= words;
    tag = kept;
  } catch {
    tag = "";
  }
}

/** Show all cards again; a search in the address is left by following the link. */
function clear(event) {
  fieldNow().value = tag = "";
  keep();
  if (location.search) return;
  event.preventDefault();
  filter();
}

function openFirst() {
  const card = document.querySelector(`[data-cards] ${CARDS}:not([hidden])`);
  if (card) linkOf(card).click();
}

export function once() {
  restore();
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.("[data-search]")) return;
    filter();
    keep();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("[data-search]")) return;
    event.preventDefault();
    if (event.target.value) openFirst();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-no-hits] a")) return clear(event);
    const button = event.target.closest?.("[data-filter]");
    if (!button) return;
    tag = button.dataset.filter;
    filter();
    keep();
  });
}

export const refresh = filter;
