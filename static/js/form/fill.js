// Controls that fill fields: sizes, the list of images, and the buttons of a stepper. The fields are what is sent.
// data-fills: JSON of texts by field   data-fills-from on a select: id of its field   data-step, data-step-of

const SIZE = /^([0-9]+) ?([MGT])i?B$/i;

function put(field, text) {
  if (!field || field.value === text) return;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function onChange(event) {
  const control = event.target;
  if (control.dataset?.fills) {
    for (const [name, text] of Object.entries(JSON.parse(control.dataset.fills))) put(document.getElementById(`f-${name}`), text);
  } else if (control.dataset?.fillsFrom) {
    const field = document.getElementById(control.dataset.fillsFrom);
    if (control.selectedOptions[0].hasAttribute("data-other")) field.focus();
    else put(field, control.value);
  }
}

/** Return the next value of a stepper: one more CPU, twice the memory. */
export function stepped(text, up) {
  const size = SIZE.exec(text);
  if (!size) return /^[0-9]+$/.test(text) ? String(Math.max(1, Number(text) + (up ? 1 : -1))) : text;
  const [amount, unit] = [Number(size[1]), size[2].toUpperCase()];
  if (!up && amount === 1 && unit === "G") return "512MiB";
  if (up && unit === "M" && amount * 2 >= 1024) return `${Math.round((amount * 2) / 1024)}GiB`;
  return `${Math.max(1, up ? amount * 2 : Math.floor(amount / 2))}${unit}iB`;
}

function onClick(event) {
  const button = event.target.closest?.("[data-step]");
  if (!button) return;
  const field = document.getElementById(button.dataset.stepOf);
  put(field, stepped(field.value.trim() || field.placeholder, button.dataset.step === "1"));
}

/** A size field that is typed into is no named size any more. */
function onInput(event) {
  if (event.isTrusted && event.target.closest?.(".steppers")) document.getElementById("f-size-custom").checked = true;
}

export function once() {
  document.addEventListener("change", onChange);
  document.addEventListener("click", onClick);
  document.addEventListener("input", onInput);
}
