// Full screen for the terminal with its tabs and bar; the whole window where the browser has no full-screen mode.

export class FullScreen {
  /** `back` returns the focus from the button to the terminal. */
  constructor(room, button, back) {
    Object.assign(this, { room, button, back });
    button.addEventListener("click", () => this.toggle());
    document.addEventListener("fullscreenchange", () => this.show());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.fills && !event.target.closest?.(".xterm, dialog, details")) this.fill(false);
    });
  }

  get fills() {
    return this.room.classList.contains("fills");
  }

  get isFull() {
    return document.fullscreenElement === this.room || this.fills;
  }

  async toggle() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.fills) return this.fill(false);
    try {
      await this.room.requestFullscreen();
      await navigator.keyboard?.lock?.(["Escape"]); // a short Escape goes to the program, a long one leaves
    } catch {
      if (!document.fullscreenElement) this.fill(true);
    }
    return undefined;
  }

  fill(isFull) {
    this.room.classList.toggle("fills", isFull);
    this.show();
  }

  show() {
    this.button.setAttribute("aria-pressed", String(this.isFull));
    if ([this.button, document.body].includes(document.activeElement)) this.back();
  }
}
