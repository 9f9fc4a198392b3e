// The status line of the shown terminal, and what can be done once it has ended; one set of elements for all panes.
// [data-terminal-note] [data-terminal-wait] [data-terminal-now] [data-terminal-end] holding [data-terminal-start] (a form
// that starts the VM) and [data-terminal-again] with [data-terminal-again-text]

const find = (name) => document.querySelector(`[data-terminal-${name}]`);

/** The next step: whether to offer a start of the VM, and the label of the button that opens a terminal. */
export function nextStep({ why = "ended", canStart = false }, command) {
  if (why === "stopped" || canStart) return { isStart: true, label: "Open a new terminal" };
  if (why === "lost") return { isStart: false, label: "Reopen" };
  if (why === "failed") return { isStart: false, label: "Try again" };
  return { isStart: false, label: command === "shell" ? "Open a new terminal" : "Reopen" };
}

/** The countdown to the next attempt; not in the note, which a screen reader would read out each second. */
function drawWait(seconds, progress) {
  find("wait").textContent = seconds < 0 ? progress : seconds ? `in ${seconds} s.` : "now.";
  find("now").hidden = seconds < 0;
}

export function drawEnd(pane) {
  const { note, wait, progress, end } = pane;
  if (find("note").textContent !== note.text) find("note").textContent = note.text;
  find("note").dataset.tone = note.tone;
  drawWait(wait, progress);
  find("end").hidden = !end;
  if (!end) return;
  const { isStart, label } = nextStep(end, pane.command);
  find("start").hidden = !isStart;
  find("again-text").textContent = label;
  find("again").hidden = isStart; // nothing can be opened in a stopped VM
}

/** Move the focus when a terminal is attached or ends, unless the user works elsewhere on the page. */
export function moveFocus(pane) {
  const focused = document.activeElement;
  if (pane.end && pane.element.contains(focused)) {
    (find("start").hidden ? find("again") : find("end")).focus(); // a key already on its way must not start the VM
  } else if (pane.kind === "open" && [document.body, find("now"), find("again")].includes(focused)) pane.focus();
}
