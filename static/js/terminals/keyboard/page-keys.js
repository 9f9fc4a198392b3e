// Shortcuts of the page that no shell needs, and a bar of keys that a phone's keyboard lacks.
// [data-terminal-keys] holds button[data-key] (a name of KEYS, or the text itself), [data-sticky="ctrl"|"alt"]

import { controlOf } from "./key-codes.js";

const ESC = "\x1b";
const KEYS = { Escape: ESC, Tab: "\t" };
const ARROWS = { Up: "A", Down: "B", Right: "C", Left: "D" };

/** The bytes of a key with Ctrl or Alt held; arrows also depend on the program's cursor-key mode. */
export function sequence(key, { ctrl = false, alt = false } = {}, isApplication = false) {
  if (key in ARROWS) {
    const held = 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
    if (held > 1) return `${ESC}[1;${held}${ARROWS[key]}`;
    return `${ESC}${isApplication ? "O" : "["}${ARROWS[key]}`;
  }
  let text = KEYS[key] ?? key;
  if (ctrl) text = /^[a-z]$/i.test(text) ? String.fromCharCode(text.charCodeAt(0) & 0x1f) : controlOf(text) ?? text;
  return alt ? ESC + text : text;
}

export class KeyBar {
  /** `paste()` opens the paste dialog. */
  constructor(place, panes, paste) {
    Object.assign(this, { place, panes });
    this.held = { ctrl: false, alt: false };
    place.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the on-screen keyboard open
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.sticky) this.hold(button.dataset.sticky, !this.held[button.dataset.sticky]);
      else if (button.dataset.key) this.press(button.dataset.key);
      else paste();
    });
  }

  hold(which, isHeld) {
    this.held[which] = isHeld;
    this.place.querySelector(`[data-sticky=${which}]`).setAttribute("aria-pressed", String(isHeld));
  }

  release() {
    const held = { ...this.held };
    for (const which of Object.keys(held)) if (held[which]) this.hold(which, false);
    return held;
  }

  press(key) {
    const { term } = this.panes.shown;
    const held = this.release();
    term.input(sequence(key, held, term.modes.applicationCursorKeysMode));
  }

  /** Apply the keys held here to a typed character. Longer text is an answer of xterm. */
  shape(text) {
    if (!(this.held.ctrl || this.held.alt) || [...text].length !== 1) return text;
    return sequence(text, this.release());
  }
}

/** Shortcuts with Ctrl and Shift anywhere in `room` except its fields; `acts` by key code. The shell does not get them.
 *  A combination that makes a control character on this keyboard goes to the program: Ctrl+_ is Ctrl+Shift+Minus. */
export function listenToKeys(room, acts) {
  const onKey = (event) => {
    const isField = event.target.matches("input, textarea:not(.xterm-helper-textarea)");
    const act = event.ctrlKey && event.shiftKey && !event.altKey && !event.metaKey ? acts[event.code] : undefined;
    if (!act || isField || (event.key !== " " && controlOf(event.key) !== undefined)) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  room.addEventListener("keydown", onKey, { capture: true });
}
