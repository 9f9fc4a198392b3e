// A form with two sides: the answer to what was typed before must not land on what is being typed now.
// data-two-sides on the form, with the id of the element that asks the server; it asks again by itself.

function onInput(event) {
  const asker = document.getElementById(event.target.closest?.("[data-two-sides]")?.dataset.twoSides ?? "");
  if (asker) window.htmx?.trigger(asker, "htmx:abort");
}

export function once() {
  document.addEventListener("input", onInput);
}
