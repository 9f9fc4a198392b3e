// The dialogs of the terminal page.
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

/** Show a question; resolves to whether the user confirmed. Without `yes` it is a message with a Close button. */
export function ask(title, text, yes, tone) {
  const { dialog, part } = fill("ask", title, text, yes, tone);
  part("no").textContent = yes ? "Cancel" : "Close";
  return answered(dialog);
}

/** Ask for a text of one or several lines; resolves to the text, or to "" where the user cancelled. */
export async function askFor(title, text, yes, { now = "", isLong = false } = {}) {
  const { dialog, part } = fill("write", title, text, yes);
  const [field, other] = isLong ? [part("lines"), part("line")] : [part("line"), part("lines")];
  [field.hidden, other.hidden, field.value] = [false, true, now];
  const isConfirmed = answered(dialog);
  field.focus();
  field.select();
  const value = (await isConfirmed) ? field.value : "";
  field.value = "";
  return value;
}
