// Copy buttons.
// <div data-copyable><pre>…</pre><button data-copy hidden>Copy</button></div>
// <button data-copy="#id">, <button data-copy-text="…">

const SHOWN_FOR = 1600; // milliseconds

function textFor(button) {
  if (button.dataset.copyText !== undefined) return button.dataset.copyText;
  const source = button.dataset.copy
    ? document.querySelector(button.dataset.copy)
    : button.closest("[data-copyable]")?.querySelector("pre, code, textarea, input");
  const text = (source?.value ?? source?.textContent ?? "").replace(/\n+$/, "");
  // Among commands, a comment is a command that cannot be run as shown.
  return button.closest("[data-commands]") ? text.split("\n").filter((line) => !line.startsWith("# ")).join("\n") : text;
}

/** Copy text to the clipboard, with execCommand if the clipboard API refuses; false if both fail. */
async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return putByHand(text);
  }
}

function putByHand(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr-only";
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  return isDone;
}

function say(button, words) {
  button.dataset.copyWords ??= button.textContent;
  button.textContent = words;
  clearTimeout(button.copyTimer);
  button.copyTimer = setTimeout(() => {
    button.textContent = button.dataset.copyWords;
  }, SHOWN_FOR);
}

export function once() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy], [data-copy-text]");
    if (!button) return;
    event.preventDefault();
    const isDone = await put(textFor(button));
    button.focus();
    say(button, isDone ? "Copied" : "Copy failed");
  });
}

export function refresh() {
  for (const button of document.querySelectorAll("[data-copy][hidden], [data-copy-text][hidden]")) {
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
  }
}
