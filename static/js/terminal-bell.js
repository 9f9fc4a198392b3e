// What tells of a bell that nobody saw, or of an agent that waits: the mark in the title of the tab, and where it is wished a notice of the system.

const MARK = "● ";

export function titleOf(panes, vm) {
  const pane = panes.shown;
  const unseen = document.hidden ? "" : ":not([aria-current])"; // what is in sight needs no mark
  const needs = document.querySelector(`#terminal-tabs [data-needs-you]${unseen}`) !== null;
  const mark = needs || panes.all.some((one) => one.hasRung) ? MARK : "";
  return pane?.title ? `${mark}${vm}: ${pane.title} · dvm` : `${mark}${vm} · terminal · dvm`;
}

/** A notice that the terminal rang; a click on it comes back to it. Its words are ours, not the guest's. */
export function notify(panes, pane, vm) {
  if (!panes.page.settings.now.bell || Notification.permission !== "granted") return;
  const notice = new Notification(`${vm}: ${pane.name || "terminal"} rang`, { tag: `dvm-${pane.id}` });
  notice.onclick = () => {
    window.focus();
    panes.show(pane);
    notice.close();
  };
}
