// Keys of the page that a shell does not need, and a bar of those that a telephone's keyboard lacks.
// [data-terminal-keys] holds button[data-key] (a name of KEYS, or the text itself), [data-sticky="ctrl"|"alt"]

const ESC = "\x1b";
const KEYS = { Escape: ESC, Tab: "\t" };
const ARROWS = { Up: "A", Down: "B", Right: "C", Left: "D" };

/** What a key sends with Ctrl or Alt held; an arrow also as its program wants it. */
export function sequence(key, { ctrl = false, alt = false } = {}, isApplication = false) {
  if (key in ARROWS) {
    const held = 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
    if (held > 1) return `${ESC}[1;${held}${ARROWS[key]}`;
    return `${ESC}${isApplication ? "O" : "["}${ARROWS[key]}`;
  }
  let text = KEYS[key] ?? key;
  if (ctrl && /^[a-z@[\\\]^_? ]$/i.test(text)) {
    text = text === "?" ? "\x7f" : String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f);
  }
  return alt ? ESC + text : text;
}

export class KeyBar {
  /** `paste()` asks for text and pastes it. */
  constructor(place, panes, paste) {
    Object.assign(this, { place, panes });
    this.held = { ctrl: false, alt: false };
    place.addEventListener("mousedown", (event) => event.preventDefault()); // the keyboard on the screen stays
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

  /** What was typed on a keyboard, with the keys that are held here. What xterm answers is longer than a character. */
  shape(text) {
    if (!(this.held.ctrl || this.held.alt) || [...text].length !== 1) return text;
    return sequence(text, this.release());
  }
}

/** Keys with Ctrl and Shift, anywhere in `room` but in its fields; `acts` by the key's code. No shell sees them. */
export function listenToKeys(room, acts) {
  const onKey = (event) => {
    const isField = event.target.matches("input, textarea:not(.xterm-helper-textarea)");
    const act = event.ctrlKey && event.shiftKey && !event.altKey && !event.metaKey ? acts[event.code] : undefined;
    if (!act || isField) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  room.addEventListener("keydown", onKey, { capture: true });
}
