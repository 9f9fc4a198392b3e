// What a guest may not do through its terminal: open a link unseen, pose as another page, run what was pasted.

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu; // control, bidi and zero-width characters
const COMMANDS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g; // all control characters but tab and line ends
const LONGEST_TITLE = 80;
const LINK = /^https?:$/;

/** A title as plain text, short, without hidden characters. */
export function plainTitle(title) {
  return [...title.slice(0, 1000).replace(HIDDEN, "")].slice(0, LONGEST_TITLE).join("").trim();
}

/** The address of a link as it would be opened, or "" for anything but the web. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return LINK.test(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

/** Give every <style> that xterm makes this page's nonce. */
export function markStyles(nonce) {
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (String(name).toLowerCase() === "style") element.setAttribute("nonce", nonce);
    return element;
  };
}

/** Ask in the page's dialog; resolves to whether the user said yes. */
export function ask(title, text, yes, tone = "primary") {
  const dialog = document.querySelector("[data-terminal-ask]");
  dialog.querySelector("[data-terminal-ask-title]").textContent = title;
  dialog.querySelector("[data-terminal-ask-text]").textContent = text;
  const button = dialog.querySelector("[data-terminal-ask-yes]");
  button.textContent = yes;
  button.className = `btn ${tone}`;
  dialog.returnValue = "no";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

/** Open a link of the guest's, after its true address was shown; without any tie back to this page. */
export async function openLink(text) {
  const address = webAddress(text);
  if (!address) return;
  const isMeant = await ask("Open this address? The guest chose it.", address, "Open it in a new tab");
  if (isMeant) window.open(address, "_blank", "noopener,noreferrer");
}

/** What was copied, without the bytes that could end the brackets around a paste or press a key: xterm sends them on. */
export function plainPaste(text) {
  return text.replace(COMMANDS, "\ufffd");
}

/** Take every paste: clean it, and ask before several lines go to a program that would run each at once. */
export function guardPaste(element, term) {
  const onPaste = async (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = plainPaste(event.clipboardData?.getData("text/plain") ?? "");
    if (term.modes.bracketedPasteMode || !/[\r\n]/.test(text.replace(/[\r\n]+$/, ""))) return term.paste(text);
    const lines = text.replace(/[\r\n]+$/, "").split(/\r\n|\r|\n/);
    const shown = lines.slice(0, 12).map((line) => line.replace(HIDDEN, "\u00b7").slice(0, 200));
    const rest = lines.length > shown.length ? [`… and ${lines.length - shown.length} more`] : [];
    const isMeant = await ask(`Paste ${lines.length} lines? Each may run at once.`, [...shown, ...rest].join("\n"), "Paste");
    if (isMeant) term.paste(text);
    term.focus();
  };
  element.addEventListener("paste", onPaste, { capture: true });
}
