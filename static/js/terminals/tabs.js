// The tabs above a terminal: which is shown, which rang the bell, which have ended but can still be read. The server's
// list is polled and replaces the old one.
// #terminal-tabs with a[data-tab] (holding [data-tab-name]) and forms that open another terminal (input[name=command])

const place = () => document.getElementById("terminal-tabs");
const tabs = () => [...(place()?.querySelectorAll("a[data-tab]") ?? [])];
const nameOf = (tab) => tab.querySelector("[data-tab-name]")?.textContent ?? "";
const isPlain = (event) => event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

export class Tabs {
  constructor(panes, { rename }) {
    this.panes = panes;
    this.order = []; // the previous ids: an ended terminal keeps its place
    this.rename = rename;
    this.listen();
    this.draw();
  }

  listen() {
    document.addEventListener("click", (event) => {
      const tab = event.target.closest?.("#terminal-tabs a[data-tab]");
      if (!tab || !isPlain(event)) return;
      event.preventDefault();
      this.go(tab.dataset.tab);
    });
    document.addEventListener("dblclick", (event) => {
      if (event.target.closest?.("#terminal-tabs a[data-tab]")) this.rename();
    });
    document.addEventListener("keydown", (event) => {
      const tab = event.target.closest?.("#terminal-tabs a[data-tab]");
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!tab || !step || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      tabs()[tabs().indexOf(tab) + step]?.focus();
    });
    document.addEventListener("submit", (event) => this.onSubmit(event), { capture: true });
    document.addEventListener("htmx:afterSwap", () => this.draw());
    this.panes.addEventListener("change", () => this.draw());
  }

  /** Open another terminal in this page instead of submitting the form. */
  onSubmit(event) {
    const command = event.target.closest?.("#terminal-tabs") && event.target.querySelector("input[name=command]")?.value;
    if (!command) return;
    event.preventDefault();
    event.stopPropagation();
    this.panes.open("", { command }).focus();
  }

  go(id) {
    const tab = tabs().find((one) => one.dataset.tab === id);
    if (tab) this.panes.open(id, { name: nameOf(tab) }).focus();
  }

  /** The id of the tab `step` places from the pane's, wrapping around; "" where there is no other. */
  beside(pane, step) {
    const ids = tabs().map((tab) => tab.dataset.tab);
    const at = ids.indexOf(pane.id);
    const other = ids[(at + step + ids.length) % ids.length] ?? "";
    return other === pane.id ? "" : other;
  }

  draw() {
    this.keepEnded();
    const { shown } = this.panes;
    for (const tab of tabs()) {
      const pane = this.panes.find(tab.dataset.tab);
      if (pane && !tab.dataset.over) pane.name = nameOf(tab) || pane.name;
      if (pane === shown && pane) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
      if (pane?.hasRung) tab.dataset.rang = "";
      else delete tab.dataset.rang;
    }
    const now = tabs().map((tab) => tab.dataset.tab);
    if (now.join() !== this.order.join()) this.current()?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.order = now;
  }

  /** Is it in the server's list? */
  isListed(pane) {
    return tabs().some((tab) => tab.dataset.tab === pane.id && !tab.dataset.over);
  }

  current() {
    return tabs().find((tab) => tab.hasAttribute("aria-current"));
  }

  /** Keep the tabs of terminals that ended on this page: the server lists only open ones. */
  keepEnded() {
    const listed = tabs();
    for (const tab of listed) if (tab.dataset.over && !this.panes.find(tab.dataset.tab)?.end) tab.remove();
    for (const pane of this.panes.all) {
      if (!pane.end || !pane.id || tabs().some((tab) => tab.dataset.tab === pane.id)) continue;
      const before = this.order.slice(0, Math.max(0, this.order.indexOf(pane.id))).reverse();
      const left = before.map((id) => tabs().find((tab) => tab.dataset.tab === id)).find(Boolean);
      if (left) left.after(this.ended(pane));
      else place()?.prepend(this.ended(pane));
    }
  }

  ended(pane) {
    const tab = document.createElement("a");
    const name = document.createElement("span");
    tab.className = "tab over";
    tab.id = `tab-${pane.id.slice(0, 12)}`;
    tab.href = `${this.panes.page.address}?id=${pane.id}`;
    Object.assign(tab.dataset, { tab: pane.id, over: "1" });
    name.dataset.tabName = "";
    name.textContent = pane.name || "terminal";
    const state = document.createElement("span");
    state.className = "sr-only";
    state.textContent = "Ended";
    tab.append(name, " ", state);
    return tab;
  }
}
