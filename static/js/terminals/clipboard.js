// A program's request to copy text (OSC 52): shown on its pane, done only when the user agrees, never answered.
// [data-terminal-clip] holding [data-terminal-clip-text], [data-terminal-clip-copy], [data-terminal-clip-never]

const MOST = 100_000; // characters of base64
const HIDDEN = /[^\P{C}\t\n\r]|[\p{Zl}\p{Zp}]/gu; // control, bidi and zero-width characters
const find = (part = "") => document.querySelector(`[data-terminal-clip${part}]`);
const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;

/** The text that OSC 52 asks to copy; "" where it asks to read the clipboard, for nothing, or for what is not text. */
function textOf(data) {
  const coded = data.slice(data.indexOf(";") + 1);
  if (!data.includes(";") || coded.length > MOST) return "";
  try {
    const bytes = Uint8Array.from(atob(coded), (one) => one.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "";
  }
}

/** The question, which mentions lines and hidden characters. */
export function question(text) {
  const lines = text.split(/\r\n|\r|\n/).length;
  const hidden = (text.match(HIDDEN) ?? []).length;
  const more = [lines > 1 ? ` in ${lines} lines` : "", hidden ? `, ${hidden} of them hidden` : ""].join("");
  return `The program asks to copy ${count([...text].length, "character")}${more}.`;
}

/** Watch a pane for copy requests; a newer request replaces the older one. */
export function watchCopyRequests(pane) {
  pane.clip = "";
  pane.term.parser.registerOscHandler(52, (data) => {
    const text = pane.isClipSilent || pane.link.isReplaying ? "" : textOf(data);
    if (text && text !== pane.clip) pane.update({ clip: text });
    return true;
  });
}

export function drawClip({ clip }) {
  find().hidden = !clip;
  const text = clip ? question(clip) : "";
  if (find("-text").textContent !== text) find("-text").textContent = text;
}

export function onClip(panes) {
  const act = (changed) => {
    panes.shown.update({ clip: "", ...changed });
    panes.shown.focus();
  };
  find("-never").addEventListener("click", () => act({ isClipSilent: true }));
  find("-copy").addEventListener("click", async () => {
    const text = panes.shown.clip; // as shown in the question
    try {
      await navigator.clipboard.writeText(text);
      act({ note: { text: "Copied.", tone: "" } });
    } catch {
      act({ note: { text: "The browser blocked the copy.", tone: "bad" } });
    }
  });
}
