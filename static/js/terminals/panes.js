// All terminals of the page: each gets a pane when it is first shown; one is visible, the others stay connected.
// Events: "change" (redraw), "state" (a pane connected or ended), "bell".

import { Pane } from "./pane.js";
import { onTheme } from "./screen.js";

const TICK = 5000; // milliseconds between checks of the connections
const SLEPT = 15000; // milliseconds without a tick after which the computer must have slept

export class Panes extends EventTarget {
  /** `page` as for Pane, with `address`: the page's own URL without `?id=`. */
  constructor(page) {
    super();
    this.page = page;
    this.all = [];
    this.shown = null;
    this.listen();
  }

  listen() {
    document.addEventListener("visibilitychange", () => {
      for (const pane of this.all) pane.seen();
      this.changed();
    });
    for (const [whose, name] of [[window, "online"], [document, "dvm:answers"], [window, "pageshow"]]) {
      whose.addEventListener(name, () => this.retry());
    }
    addEventListener("pagehide", (event) => event.persisted || this.all.forEach((pane) => pane.link.leave()));
    this.page.settings.addEventListener("change", () => this.all.forEach((pane) => pane.applySettings()));
    onTheme((theme) => this.all.forEach((pane) => (pane.term.options.theme = theme)));
    let checked = Date.now();
    setInterval(() => {
      const hasSlept = Date.now() - checked > SLEPT;
      checked = Date.now();
      for (const pane of this.all) pane.link.check(hasSlept);
    }, TICK);
  }

  retry() {
    for (const { link } of this.all) if (link.id && !link.isOver && !link.isOpen()) link.retryNow();
  }

  find(id) {
    return this.all.find((pane) => pane.id === id);
  }

  /** Show the terminal `id`, or with "" a new one of `command`. */
  open(id, { command, name } = {}) {
    const known = id && this.find(id);
    const pane = known || this.make({ id, command, name });
    this.show(pane);
    if (!known) pane.start();
    return pane;
  }

  make(what) {
    const pane = new Pane(this.page, what);
    pane.addEventListener("change", () => this.changed());
    pane.addEventListener("state", () => {
      this.follow();
      this.dispatchEvent(new CustomEvent("state", { detail: pane }));
    });
    pane.addEventListener("bell", () => this.dispatchEvent(new CustomEvent("bell", { detail: pane })));
    this.all.push(pane);
    return pane;
  }

  show(pane) {
    const before = this.shown;
    if (before !== pane) {
      this.shown = pane;
      before?.hide();
      if (before && !before.id && before.end) this.forget(before); // it never opened
      pane.show();
    }
    this.follow();
    this.changed();
  }

  /** Keep the URL on the shown terminal, so that a reload comes back to it. */
  follow() {
    const id = this.shown?.id;
    if (id) history.replaceState(null, "", `${this.page.address}?id=${id}`);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Remove a pane. Another one must be shown, or be shown next. */
  forget(pane) {
    if (!this.all.includes(pane)) return;
    this.all = this.all.filter((one) => one !== pane);
    pane.remove();
    this.changed();
  }
}
