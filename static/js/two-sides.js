// A form with two sides: the answer to what was typed before does not land on what is being typed now.
// data-two-sides on the form, with the id of the element that asks the server; it asks again by itself.

let typed = 0; // how often something was typed
let asked = 0; // what of it the last question knew

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

export function once() {
  document.addEventListener("input", onInput);
  document.addEventListener("htmx:beforeRequest", onBeforeRequest);
  document.addEventListener("htmx:beforeSwap", onBeforeSwap);
}
