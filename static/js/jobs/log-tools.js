// The buttons of a log: search with previous and next, wrap (remembered), fold all, follow.
// In [data-log-tools]: [data-log-search], [data-log-previous], [data-log-next], [data-log-found] for "3 of 17",
// form [data-log-wrap] (a preference), [data-log-fold-all], [data-log-follow].

import { store } from "../ui/preferences.js";

const DELAY = 150; // milliseconds after a key before the search begins

export function listen(root, view, search) {
  const find = (name) => root.querySelector(`[data-log-${name}]`);
  listenToSearch(find, search);
  const form = find("wrap");
  if (form) listenToWrap(form, view);
  const fold = find("fold-all");
  fold?.addEventListener("click", () => view.foldAll(!view.hasFolded));
  if (fold) root.addEventListener("dvm:folds", (event) => (fold.textContent = event.detail.isAny ? "Unfold all" : "Fold all"));
  const follow = find("follow");
  follow?.setAttribute("aria-pressed", "true");
  follow?.addEventListener("click", () => view.follow(!view.isFollowing));
  if (follow) root.addEventListener("dvm:follow", (event) => follow.setAttribute("aria-pressed", String(event.detail.isOn)));
}

function listenToSearch(find, search) {
  const field = find("search");
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    return field.value === search.text ? null : search.start(field.value);
  };
  field?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(now, DELAY);
  });
  field?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (now() === null) search.step(event.shiftKey ? -1 : 1);
  });
  find("previous")?.addEventListener("click", () => search.step(-1));
  find("next")?.addEventListener("click", () => search.step(1));
}

function listenToWrap(form, view) {
  const button = form.querySelector("button");
  const isOn = () => button.getAttribute("aria-pressed") === "true";
  view.wrap(isOn());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    store(form, { wrap: button.value });
    const wraps = !isOn();
    button.setAttribute("aria-pressed", String(wraps));
    button.value = wraps ? "off" : "on";
    view.wrap(wraps);
  });
}
