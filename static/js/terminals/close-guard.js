// Makes the browser confirm before the page is closed (Ctrl+W) while something runs in one of its terminals.

const tabOf = (pane) => document.querySelector(`#terminal-tabs a[data-tab="${CSS.escape(pane.id || "-")}"]`);

/** Note whether the shell ever enabled bracketed paste: it is on at the prompt and off while a command runs. */
export function watchPrompt(pane) {
  pane.term.parser.registerCsiHandler({ prefix: "?", final: "h" }, (numbers) => {
    if (numbers.includes(2004)) pane.hasPrompt = true;
    return false;
  });
}

/** Is something running in it? An agent: by its reported state. A shell: by the state of its screen, so never asked in vain. */
export function isBusy(pane) {
  if (pane.end || !pane.id) return false;
  if (pane.command !== "shell") return tabOf(pane)?.dataset.working !== undefined;
  const { buffer, modes } = pane.term;
  const isFull = buffer.active.type === "alternate" || modes.mouseTrackingMode !== "none" || modes.sendFocusMode;
  return isFull || Boolean(pane.hasPrompt && !modes.bracketedPasteMode);
}

export function confirmClose(panes, settings) {
  addEventListener("beforeunload", (event) => {
    if (settings.now.stay && panes.all.some(isBusy)) event.preventDefault();
  });
}
