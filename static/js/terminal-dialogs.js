// The questions of a terminal's page.
// dialog[data-terminal-ask] with [data-terminal-ask-title], -text, -yes; dialog[data-terminal-write] with -title, -text,
// -line (one line), -lines, -yes.

function answered(dialog) {
  dialog.returnValue = "no";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

function fill(name, title, text, yes, tone = "primary") {
  const dialog = document.querySelector(`[data-terminal-${name}]`);
  const part = (which) => dialog.querySelector(`[data-terminal-${name}-${which}]`);
  part("title").textContent = title;
  part("text").textContent = text;
  part("text").hidden = !text;
  if (part("yes")) {
    part("yes").textContent = yes;
    part("yes").className = `btn ${tone}`;
    part("yes").hidden = !yes;
  }
  return { dialog, part };
}

/** Ask in the page's dialog; resolves to whether the user said yes. Without `yes` it only tells. */
export function ask(title, text, yes, tone) {
  const { dialog, part } = fill("ask", title, text, yes, tone);
  part("no").textContent = yes ? "Cancel" : "Close";
  return answered(dialog);
}

/** Ask for a text, of one line or of several; resolves to it, or to "" where the user said no. */
export async function askFor(title, text, yes, { now = "", isLong = false } = {}) {
  const { dialog, part } = fill("write", title, text, yes);
  const [field, other] = isLong ? [part("lines"), part("line")] : [part("line"), part("lines")];
  [field.hidden, other.hidden, field.value] = [false, true, now];
  const isMeant = answered(dialog);
  field.focus();
  field.select();
  const value = (await isMeant) ? field.value : "";
  field.value = "";
  return value;
}
