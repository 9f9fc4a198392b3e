// Marks the tab's title for an unseen bell or a waiting agent, and shows a system notification where that is enabled.

const MARK = "● ";

export function titleOf(panes, vm) {
  const pane = panes.shown;
  const unseen = document.hidden ? "" : ":not([aria-current])"; // the shown terminal needs no mark
  const needs = document.querySelector(`#terminal-tabs [data-needs-attention]${unseen}`) !== null;
  const mark = needs || panes.all.some((one) => one.hasRung) ? MARK : "";
  return pane?.title ? `${mark}${vm}: ${pane.title} · dvm` : `${mark}${vm} · terminal · dvm`;
}

/** Show a notification that the terminal rang; a click on it opens the terminal. It contains no text of the guest. */
export function notify(panes, pane, vm) {
  if (!panes.page.settings.now.bell || Notification.permission !== "granted") return;
  const notice = new Notification(`${vm}: ${pane.name || "terminal"} rang the bell`, { tag: `dvm-${pane.id}` });
  notice.onclick = () => {
    window.focus();
    panes.show(pane);
    notice.close();
  };
}
