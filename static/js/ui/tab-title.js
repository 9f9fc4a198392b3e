// Updates the title of the tab, and puts a dot on its icon when something waits for the user.
// data-title="2 with unsaved work · dvm" on polled content; data-ended="Sync app: done" on the notice of a job, before it;
// data-waiting on anything that waits for the user
// <link rel=icon data-favicon data-waiting-href="…">

let calm = document.title; // without the job that has ended
let shown = calm;

export function refresh() {
  if (document.title !== shown) calm = document.title; // another behaviour has set it
  calm = document.querySelector("[data-title]")?.dataset.title || calm;
  const ended = [...document.querySelectorAll("[data-ended]")].at(-1);
  const title = ended ? `${ended.dataset.ended} · ${calm}` : calm;
  if (document.title !== title) document.title = title;
  shown = document.title;
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
