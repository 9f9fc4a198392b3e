// Copies the errors from the list to their fields: while the user types, only the list is refreshed.
// data-problems on the list, whose links point to the fields; each field is in a .field

const MARKED = '.field > [aria-invalid="true"]';

/** Return the error texts by field id. */
function wanted(list) {
  const texts = new Map();
  for (const link of list.querySelectorAll('a[href^="#"]')) {
    const id = link.hash.slice(1);
    texts.set(id, [...(texts.get(id) ?? []), link.textContent]);
  }
  return texts;
}

function describe(input, isBad) {
  const ids = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== `${input.id}-error`);
  if (isBad) ids.unshift(`${input.id}-error`);
  if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

function mark(input, texts) {
  const isBad = texts.length > 0;
  const place = document.getElementById(`${input.id}-error`) ?? Object.assign(document.createElement("div"), { id: `${input.id}-error` });
  const lines = texts.map((text) => Object.assign(document.createElement("p"), { className: "error", textContent: text }));
  place.replaceChildren(...lines);
  if (isBad) input.after(place);
  else place.remove();
  input.closest(".field").classList.toggle("bad", isBad);
  if (isBad) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  describe(input, isBad);
}

export function refresh() {
  const list = document.querySelector("[data-problems]");
  if (!list) return;
  const texts = wanted(list);
  const bad = [...texts.keys()].map((id) => document.getElementById(id)).filter((input) => input?.parentElement.matches(".field"));
  for (const input of new Set([...list.closest("form").querySelectorAll(MARKED), ...bad])) mark(input, texts.get(input.id) ?? []);
}
