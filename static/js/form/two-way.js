// A form with two sides (fields and YAML): an outdated answer must not replace what is being typed.
// data-two-sides on the form, with the id of the element that requests the preview; it requests it again itself.

let typed = 0; // number of inputs so far
let asked = 0; // number of inputs at the last request

const isAsker = (element) => Boolean(element?.id) && document.querySelector("[data-two-sides]")?.dataset.twoSides === element.id;

function onInput(event) {
  if (event.target.closest?.("[data-two-sides]")) typed += 1;
}

function onBeforeRequest(event) {
  if (isAsker(event.detail.elt)) asked = typed;
}

function onBeforeSwap(event) {
  if (isAsker(event.detail.requestConfig?.elt) && asked !== typed) event.detail.shouldSwap = false;
}

/** Return whether a control has another value than the page was sent with. */
function isChanged(control) {
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control.options) return control.selectedIndex !== Math.max(0, [...control.options].findIndex((one) => one.defaultSelected));
  return control.type !== "hidden" && control.value !== (control.defaultValue ?? control.value);
}

/** What was typed before the scripts were there, or restored by the browser, is asked about as if it were typed now. */
function onLoad() {
  const form = document.querySelector("[data-two-sides]");
  if (form && [...form.elements].some(isChanged)) form.dispatchEvent(new Event("input", { bubbles: true }));
}

export function once() {
  window.addEventListener("load", onLoad);
  document.addEventListener("input", onInput);
  document.addEventListener("htmx:beforeRequest", onBeforeRequest);
  document.addEventListener("htmx:beforeSwap", onBeforeSwap);
}
