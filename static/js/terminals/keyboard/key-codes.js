// The bytes of a key where xterm.js sends none or the wrong ones: it knows punctuation by its place on a US keyboard, and
// no extended key protocols. Follows xterm and VS Code's terminal. No side effects, except in KeyProtocol and handleKeys.

const ESC = "\x1b";
const DIGITS = { 2: "\x00", 3: "\x1b", 4: "\x1c", 5: "\x1d", 6: "\x1e", 7: "\x1f", 8: "\x7f" };
const SIGNS = { " ": "\x00", "/": "\x1f", "?": "\x7f", "¥": "\x1c", ...DIGITS };
const PLAIN = /^[!"#$%&'()*,.:;<>]$/; // unchanged by Ctrl; - + = 0 1 9 belong to the browser: zoom and tabs
const FUNCTION = { 13: 25, 14: 26, 15: 28, 16: 29, 17: 31, 18: 32, 19: 33, 20: 34 };
// On a Mac, as in VS Code: ends of the line, word by word, and deletion.
const MAC = {
  "meta ArrowLeft": "\x01", "meta ArrowRight": "\x05", "meta Backspace": "\x15",
  "alt ArrowLeft": `${ESC}b`, "alt ArrowRight": `${ESC}f`, "alt Delete": `${ESC}d`,
};

/** The control character of a key with Ctrl, by its label; undefined for none. xterm.js handles letters. */
export function controlOf(key) {
  if (Object.hasOwn(SIGNS, key)) return SIGNS[key];
  return /^[@[\\\]^_`{|}~]$/.test(key) ? String.fromCharCode(key.charCodeAt(0) & 0x1f) : undefined;
}

const isOne = (key) => [...key].length === 1;
/** Is this AltGr, which Windows reports as Ctrl and Alt? Then the key's own character was typed. */
function isAltGr(event) {
  const { ctrlKey, altKey, shiftKey, key, code } = event;
  if (!ctrlKey || !altKey || !isOne(key)) return false;
  if (event.getModifierState?.("AltGraph")) return true;
  const isThird = /^(Digit|Key)/.test(code)
    ? !/^[a-z0-9]$/i.test(key)
    : /^[\\|~]$/.test(key) && /^(Minus|IntlBackslash|BracketRight)$/.test(code);
  return isThird && !shiftKey;
}

/** The character of a key; for a dead key with Ctrl the one on its label, from `layout` where the browser provides it. */
function signOf({ key, code, keyCode, shiftKey }, layout) {
  if (key !== "Dead") return key;
  const isCaret = keyCode === 220 || (code === "BracketLeft" && !shiftKey) || (code === "Digit6" && shiftKey);
  return isCaret ? "^" : ((shiftKey ? undefined : layout?.get(code)) ?? "");
}

function enter({ key, shiftKey, altKey, ctrlKey, metaKey }, { isExtended, isAgent }) {
  const held = (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
  if (key !== "Enter" || metaKey || !held) return undefined;
  if (isExtended) return `${ESC}[13;${held + 1}u`;
  return isAgent ? `${ESC}\r` : undefined; // a new line in Claude, Codex, OpenCode and Vibe
}

function special({ key, keyCode, shiftKey, altKey, ctrlKey, metaKey }, { isMac }) {
  const held = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
  const number = FUNCTION[keyCode - 111];
  if (number) return `${ESC}[${number}${held > 1 ? `;${held}` : ""}~`;
  if (isMac && !shiftKey && !ctrlKey && altKey !== metaKey) return MAC[`${metaKey ? "meta" : "alt"} ${key}`];
  const page = { PageUp: 5, PageDown: 6, Insert: 2 }[key];
  return page && altKey && !shiftKey && !metaKey ? `${ESC}[${page};${held}~` : undefined;
}

function character(event, { isMac, isMeta, layout }) {
  const { key, keyCode, ctrlKey, altKey, metaKey, location } = event;
  const sign = signOf(event, layout);
  if (!isOne(sign) || metaKey || location === 3 || !(ctrlKey || altKey)) return undefined;
  if (!isMac && isAltGr(event)) return key;
  if (ctrlKey) {
    const control = controlOf(sign);
    if (control !== undefined) return (altKey && (!isMac || isMeta) ? ESC : "") + control;
    return PLAIN.test(sign) && !altKey ? sign : undefined;
  }
  const isLetter = /^[a-z]$/i.test(key) || (keyCode >= 65 && keyCode <= 90); // of another alphabet: by its place, as with Ctrl
  return isMac || isLetter || key === "Dead" ? undefined : ESC + key;
}

/** The bytes of a keydown; undefined: leave it to xterm.js, as always during composition.
 *  `how`: {isMac, isMeta (Option is Meta), isExtended, isAgent, layout (code -> character)} */
export function bytesOf(event, how = {}) {
  if (event.isComposing || event.keyCode === 229) return undefined;
  return enter(event, how) ?? special(event, how) ?? character(event, how);
}

/** Whether the program requested extended keys (Shift+Enter): by kitty's flags, a stack for each screen, or by xterm's
 *  modifyOtherKeys. Queries are not answered: only this part of kitty's protocol is supported. */
export class KeyProtocol {
  constructor(term) {
    this.term = term;
    this.clear();
    const on = (id, act) => term.parser.registerCsiHandler(id, (numbers) => (act(...numbers), true));
    on({ prefix: ">", final: "u" }, (flags = 0) => (this.stack = [...this.stack.slice(-15), flags]));
    on({ prefix: "<", final: "u" }, (count) => (this.stack = this.stack.slice(0, -(count || 1))));
    on({ prefix: "=", final: "u" }, (flags = 0, how = 1) => this.change(flags, how));
    on({ prefix: ">", final: "m" }, (what, level = 0) => (what === 4 || !what) && (this.others = what ? level : 0));
    on({ prefix: ">", final: "n" }, (what) => what === 4 && (this.others = 0));
    term.parser.registerEscHandler({ final: "c" }, () => (this.clear(), false));
    term.parser.registerCsiHandler({ intermediates: "!", final: "p" }, () => (this.clear(), false));
  }

  clear() {
    Object.assign(this, { stacks: { normal: [], alternate: [] }, others: 0 });
  }

  get stack() {
    return this.stacks[this.term.buffer.active.type];
  }

  set stack(flags) {
    this.stacks[this.term.buffer.active.type] = flags;
  }

  change(flags, how) {
    const now = this.stack.at(-1) ?? 0;
    const next = { 1: flags, 2: now | flags, 3: now & ~flags }[how] ?? now;
    this.stack = [...this.stack.slice(0, -1), next];
  }

  get isOn() {
    return Boolean((this.stack.at(-1) ?? 0) & 9) || this.others > 0;
  }
}

/** Handle the keys of a terminal. `how()` returns {isMeta, isAgent}. */
export function handleKeys(term, how) {
  const protocol = new KeyProtocol(term);
  const isMac = /^Mac/.test(navigator.platform);
  let layout = null;
  navigator.keyboard?.getLayoutMap?.().then((map) => (layout = map), () => {});
  const reset = term.reset.bind(term);
  term.reset = () => (protocol.clear(), reset());
  term.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown") return true;
    const bytes = bytesOf(event, { isMac, layout, isExtended: protocol.isOn, ...how() });
    if (bytes === undefined) return true;
    event.preventDefault();
    event.stopPropagation();
    term.input(bytes, true);
    return false;
  });
  return protocol;
}
