// All terminals of the page: each has a pane of its own from when it is first shown; one is shown, the others go on.
// Tells of a change by "change": something is to be drawn anew; "tabs": the list of the server may be another one.

import { Pane } from "./terminal-pane.js";
import { onTheme } from "./terminal-screen.js";

const TICK = 5000; // milliseconds between two looks at the lines
const SLEPT = 15000; // milliseconds that are missing: the computer slept

export class Panes extends EventTarget {
  /** `page` as Pane takes it, and `address`, the page's own without `?id=`. */
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
    this.page.settings.addEventListener("change", () => this.all.forEach((pane) => pane.dress()));
    onTheme((theme) => this.all.forEach((pane) => (pane.term.options.theme = theme)));
    let looked = Date.now();
    setInterval(() => {
      const hasSlept = Date.now() - looked > SLEPT;
      looked = Date.now();
      for (const pane of this.all) pane.link.look(hasSlept);
    }, TICK);
  }

  retry() {
    for (const { link } of this.all) if (link.id && !link.isOver && !link.isOpen()) link.retryNow();
  }

  find(id) {
    return this.all.find((pane) => pane.id === id);
  }

  /** Show the terminal `id`; with "" a new one of `command`. */
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
      if (before && !before.id && before.end) this.forget(before); // it never was one
      pane.show();
    }
    this.follow();
    this.changed();
  }

  /** The address is that of the terminal that is shown: a reload comes back to it. */
  follow() {
    const id = this.shown?.id;
    if (id) history.replaceState(null, "", `${this.page.address}?id=${id}`);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Take a pane away. Another one must be shown, or be shown next. */
  forget(pane) {
    if (!this.all.includes(pane)) return;
    this.all = this.all.filter((one) => one !== pane);
    pane.remove();
    this.changed();
  }
}
