// Keeps focus, selection and open menus when htmx replaces content, and shows one alert if the dashboard does not
// respond. dvm:answers on the document: it responds again.
// data-poll="morph": only what differs is changed (morph.js); dvm:swapped on the document follows.
// data-poll on the element that polls (hx-get, hx-trigger="every 2s"); elements in it are identified by their id

import { morphAnswer } from "./morph.js";
import { say, sayGone, sayLoggedOut, unsay } from "./alerts.js";

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
const MISSES = 2; // one failed poll can be a restart

const last = new Map(); // id of the target -> the answer shown there
let missed = 0;
let kept = null;
let refusal = null; // the server's error shown in the alerts, and which element requested it

const isPoll = (element) => Boolean(element?.matches?.("[data-poll]"));

function isBusy(element) {
  const chosen = document.getSelection();
  const hasSelection = chosen && !chosen.isCollapsed && element.contains(chosen.anchorNode);
  return hasSelection || element.querySelector("details.menu[open], dialog[open]") !== null;
}

function onBeforeRequest(event) {
  if (isPoll(event.detail.elt) && document.hidden) event.preventDefault();
}

/** Show a refusal in its target and leave the page as it is; the same one is shown once. */
function showRefusal(event) {
  const { xhr, requestConfig } = event.detail;
  const now = { by: requestConfig?.elt?.id ?? "", text: xhr.responseText };
  event.detail.shouldSwap = now.by !== refusal?.by || now.text !== refusal.text;
  event.detail.isError = false;
  refusal = now;
}

function onBeforeSwap(event) {
  const { xhr, target } = event.detail;
  kept = null;
  if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget")) return showRefusal(event);
  if (!event.detail.shouldSwap) return;
  if (!isPoll(event.detail.requestConfig?.elt) || !target.id) return last.clear(); // the page changed in another way
  if (target.dataset.poll === "morph") return change(event, target);
  if (last.get(target.id) === xhr.responseText || isBusy(target)) event.detail.shouldSwap = false;
  else last.set(target.id, xhr.responseText);
  kept = event.detail.shouldSwap ? remember(target) : null;
}

/** Change only what differs; text that the user selects stays as it is, and comes again with the next poll. */
function change(event, target) {
  const text = event.detail.xhr.responseText;
  event.detail.shouldSwap = false;
  const chosen = document.getSelection();
  if (last.get(target.id) === text || (chosen && !chosen.isCollapsed && target.contains(chosen.anchorNode))) return;
  last.set(target.id, text);
  morphAnswer(target, text);
  document.dispatchEvent(new Event("dvm:swapped"));
}

/** Return where the focus is, by id or position, and which details are open. */
function remember(target) {
  const focused = document.activeElement;
  const opened = [...target.querySelectorAll("details[id][open]")].map((details) => details.id);
  if (!focused || !target.contains(focused)) return { opened };
  const holder = focused.closest("[id]");
  const place = [...holder.querySelectorAll(FOCUSABLE)].indexOf(focused);
  return { opened, holder: holder.id, place };
}

function onAfterSwap() {
  if (!kept) return;
  const { opened, holder, place } = kept;
  kept = null;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (!holder || (document.activeElement && document.activeElement !== document.body)) return;
  const home = document.getElementById(holder);
  const focused = place < 0 ? home : home?.querySelectorAll(FOCUSABLE)[place];
  focused?.focus({ preventScroll: true });
}

function onVisible() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-poll]")) window.htmx?.trigger(element, "dvm:refresh");
}

function onNoAnswer(event) {
  missed += 1;
  if (isPoll(event.detail.elt) && missed < MISSES) return;
  sayGone();
}

function onRefused(event) {
  const { xhr } = event.detail;
  if (xhr.getResponseHeader("HX-Retarget")) return;
  // A 404 without a target comes from the guard: "log out everywhere" changed the address.
  if (xhr.status === 401 || xhr.status === 404) sayLoggedOut();
  else say(`The dashboard returned an error (${xhr.status}).`, "Reload the page for the current state.");
}

function onAnswer(event) {
  const { requestConfig, successful, xhr } = event.detail;
  if (!successful) return;
  unsay();
  if (missed) document.dispatchEvent(new Event("dvm:answers")); // waiting modules can retry now
  missed = 0;
  if (xhr.status >= 400 || !refusal || requestConfig.elt.id !== refusal.by) return;
  document.getElementById("alerts")?.replaceChildren(); // the same request works again
  refusal = null;
}

export function once() {
  document.addEventListener("htmx:beforeRequest", onBeforeRequest);
  document.addEventListener("htmx:beforeSwap", onBeforeSwap);
  document.addEventListener("htmx:afterSwap", onAfterSwap);
  document.addEventListener("htmx:sendError", onNoAnswer);
  document.addEventListener("htmx:timeout", onNoAnswer);
  document.addEventListener("htmx:responseError", onRefused);
  document.addEventListener("htmx:afterRequest", onAnswer);
  document.addEventListener("visibilitychange", onVisible);
}
