// Updates the title of the tab, and puts a dot on its icon when something waits for the user.
// data-title="2 with unsaved work · dvm" on polled content; data-waiting on anything that waits for the user
// <link rel=icon data-favicon data-waiting-href="…">

export function refresh() {
  const titled = document.querySelector("[data-title]");
  if (titled?.dataset.title) document.title = titled.dataset.title;
  const icon = document.querySelector("link[data-favicon]");
  if (!icon) return;
  icon.dataset.calmHref ??= icon.getAttribute("href");
  const wanted = document.querySelector("[data-waiting]") ? icon.dataset.waitingHref : icon.dataset.calmHref;
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

/** The number of waiting terminals arrives separately, by this event. */
export function once() {
  document.addEventListener("dvm:needs", refresh);
}
