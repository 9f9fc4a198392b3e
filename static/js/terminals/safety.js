// Protects the page from a guest's terminal output (hidden characters, titles) and the guest from unintended pastes.

import { ask } from "./dialogs.js";

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu; // control, bidi and zero-width characters
const COMMANDS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g; // all control characters but tab and line ends
const LONGEST_TITLE = 80;

/** A title as short plain text without hidden characters. */
export function plainTitle(title) {
  return [...title.slice(0, 1000).replace(HIDDEN, "")].slice(0, LONGEST_TITLE).join("").trim();
}

/** Give every <style> that xterm creates this page's nonce. */
export function markStyles(nonce) {
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (String(name).toLowerCase() === "style") element.setAttribute("nonce", nonce);
    return element;
  };
}

/** Pasted text without the control characters that could end a bracketed paste or act as keys: xterm passes them on. */
export function plainPaste(text) {
  return text.replace(COMMANDS, "\ufffd");
}

/** Paste cleaned text. Asks first where several lines go to a program without bracketed paste, which may run each one. */
export async function paste(term, copied) {
  const text = plainPaste(copied);
  if (!term.modes.bracketedPasteMode && /[\r\n]/.test(text.replace(/[\r\n]+$/, ""))) {
    const lines = text.replace(/[\r\n]+$/, "").split(/\r\n|\r|\n/);
    const shown = lines.slice(0, 12).map((line) => line.replace(HIDDEN, "\u00b7").slice(0, 200));
    const rest = lines.length > shown.length ? [`… and ${lines.length - shown.length} more`] : [];
    if (await ask(`Paste ${lines.length} lines? Each line may run immediately.`, [...shown, ...rest].join("\n"), "Paste")) term.paste(text);
  } else term.paste(text);
  term.focus();
}

/** Handle every paste of the browser. */
export function guardPaste(element, term) {
  const onPaste = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    paste(term, event.clipboardData?.getData("text/plain") ?? "");
  };
  element.addEventListener("paste", onPaste, { capture: true });
}
