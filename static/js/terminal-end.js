// What can be done where a terminal has ended, and what its line says: one place for all panes, drawn for the shown one.
// [data-terminal-note] [data-terminal-wait] [data-terminal-now] [data-terminal-end] holding [data-terminal-start] (a form
// that starts the VM) and [data-terminal-again] with [data-terminal-again-word]

const find = (name) => document.querySelector(`[data-terminal-${name}]`);

/** The next step: whether a start is offered, and the words of the button that opens a terminal. */
export function nextStep({ why = "ended", canStart = false }, command) {
  if (why === "stopped" || canStart) return { isStart: true, word: "Open a new terminal" };
  if (why === "lost") return { isStart: false, word: "Open it again" };
  if (why === "failed") return { isStart: false, word: "Try again" };
  return { isStart: false, word: command === "shell" ? "Open a new terminal" : "Open it again" };
}

/** Until the next try; not in the note, which a screen reader would read out each second. */
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
  const { isStart, word } = nextStep(end, pane.command);
  find("start").hidden = !isStart;
  find("again-word").textContent = word;
  find("again").hidden = isStart; // in a VM that is stopped nothing can be opened
}

/** Where the focus goes when a terminal comes back or ends: not away from what somebody does elsewhere. */
export function moveFocus(pane) {
  const focused = document.activeElement;
  if (pane.end && pane.element.contains(focused)) {
    (find("start").hidden ? find("again") : find("end")).focus(); // a key still on its way must not start a VM
  } else if (pane.kind === "open" && [document.body, find("now"), find("again")].includes(focused)) pane.focus();
}
