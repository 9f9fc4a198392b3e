// Makes an element like another one, changing only what differs: focus, selection, open menus, checked boxes and
// elements that a user is about to press stay. Children with an id are found by it, others by their place.

// What the browser or a behaviour changes on a page; the server does not know it.
const KEPT = new Set(["open", "hidden", "style", "aria-busy", "aria-disabled", "data-was-sent", "data-some"]);

function setAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
}

const isSame = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");

function setChildren(old, fresh) {
  const byId = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  const wantedIds = new Set([...fresh.children].map((one) => one.id).filter(Boolean));
  for (const [id, one] of byId) if (!wantedIds.has(id)) one.remove();
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = wanted.id ? byId.get(wanted.id) : null;
    if (known && known.nodeName === wanted.nodeName) {
      if (known === place) place = place.nextSibling;
      else old.insertBefore(known, place);
      morph(known, wanted);
    } else if (place && isSame(place, wanted)) {
      const next = place.nextSibling;
      morph(place, wanted);
      place = next;
    } else old.insertBefore(document.importNode(wanted, true), place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Make `old` like `fresh`, which has the same name. */
export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  setAttributes(old, fresh);
  setChildren(old, fresh);
}

/** Make a polled element like its answer; parts of the answer with hx-swap-oob go to the element of their id. */
export function morphAnswer(target, text) {
  const answer = new DOMParser().parseFromString(text, "text/html");
  for (const part of answer.querySelectorAll("[hx-swap-oob]")) {
    part.remove();
    part.removeAttribute("hx-swap-oob");
    const place = document.getElementById(part.id);
    if (place) morph(place, part);
  }
  const focused = document.activeElement;
  const fresh = answer.getElementById(target.id);
  if (fresh) morph(target, fresh);
  // A row that moves to another place loses the focus.
  if (focused?.isConnected && document.activeElement !== focused && target.contains(focused)) focused.focus({ preventScroll: true });
}
