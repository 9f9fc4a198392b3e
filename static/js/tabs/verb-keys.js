// Keys of the buttons in the head of a VM's page: a button with data-verb-key="t" is pressed by t.

const TYPING = "input, select, textarea, [contenteditable], .xterm";

function onKey(event) {
  if (document.documentElement.dataset.keys === "off") return; // a preference of the user
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
  if (event.repeat || event.key.length !== 1 || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
  const button = document.querySelector(`[data-verb-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

export function once() {
  document.addEventListener("keydown", onKey);
}

/** The current tab is visible where the row of tabs is wider than the window. */
export function refresh() {
  const row = document.querySelector(".tabs.one-row");
  const tab = row?.querySelector("[aria-current]");
  if (!tab || row.scrollWidth <= row.clientWidth) return;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}
