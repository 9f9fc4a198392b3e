// Follows the log of a job by byte offset: colours, search, follow, and the title of each step where it began.
// <div data-log data-url="…/jobs/ID/log" data-open="true"> holds [data-log-lines] and [data-log-tools] (log-tools.js);
// anywhere on the page: data-log-from="BYTES" data-log-title="…" on a step, data-log-folded on one that is done.
// GET url?from=N returns bytes with X-Log-Next, X-Log-Size, X-Log-Ours (FROM-TO,… of what dvm itself wrote) and, once the
// log of an ended job is complete, X-Log-Ended: 1.

import { LogLines } from "./log-lines.js";
import { LogSearch } from "./log-search.js";
import { listen } from "./log-tools.js";
import { LogWindow } from "./log-window.js";

const OFTEN = 400; // milliseconds between requests while bytes arrive
const SELDOM = 1500; // and while none arrive
const TIMEOUT = 15000; // milliseconds of one request
const MOST_BYTES = 48_000_000; // of a longer log only the end is fetched

const followers = new Map(); // element -> LogFollower

const places = (text) => text.split(",").filter(Boolean).map((place) => place.split("-").map(Number));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class LogFollower {
  constructor(root) {
    this.root = root;
    this.log = new LogLines();
    this.window = new LogWindow(root.querySelector("[data-log-lines]"));
    this.search = new LogSearch(this.window, (text) => this.#show("[data-log-found]", text));
    this.skipped = 0; // bytes before the first fetched line
    this.note = "";
    this.window.show(this.log);
    listen(root, this.window, this.search);
    this.#run();
  }

  async #run() {
    let wait = OFTEN;
    let failures = 0;
    while (this.root.isConnected) {
      try {
        const { isMore, isEnded, hadBytes } = await this.#fetch();
        failures = 0;
        if (isEnded) return this.#end();
        wait = isMore ? 0 : hadBytes ? OFTEN : Math.min(SELDOM, wait + OFTEN);
      } catch (error) {
        if (error instanceof Refused) return this.#say(error.message);
        failures += 1;
        wait = Math.min(10000, 500 * 2 ** failures);
        this.#say("The dashboard does not respond. Retrying.");
      }
      if (wait) await pause(wait);
      while (document.hidden && this.root.isConnected && this.log.next > 0) await pause(500);
    }
  }

  async #fetch() {
    const from = this.log.next;
    const answer = await fetch(`${this.root.dataset.url}?from=${from}`, {
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
      headers: { Accept: "text/plain" },
    });
    if (!answer.ok) throw answer.status < 500 ? new Refused(answer.status) : new Error("no answer");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const size = Number(answer.headers.get("X-Log-Size") ?? from + bytes.length);
    if (size < from) return this.#restart(0); // the file was replaced or truncated
    if (from === 0 && size > MOST_BYTES) return this.#restart(size - MOST_BYTES);
    this.#take(bytes, places(answer.headers.get("X-Log-Ours") ?? ""));
    const isMore = bytes.length > 0 && this.log.next < size;
    return { isMore, hadBytes: bytes.length > 0, isEnded: !isMore && answer.headers.get("X-Log-Ended") === "1" };
  }

  #restart(from) {
    this.log = new LogLines(from);
    this.skipped = from;
    this.window.show(this.log);
    return { isMore: true, isEnded: false, hadBytes: false };
  }

  #take(bytes, ours) {
    const hadDropped = this.log.dropped;
    const changed = bytes.length > 0 ? this.log.add(bytes, ours) : -1;
    const hasShifted = this.addHosts() || this.log.dropped > hadDropped;
    if (hasShifted) this.search.forget();
    if (hasShifted) this.window.redraw();
    else if (changed >= 0) this.window.redrawFrom(changed);
    else this.window.draw();
    if (bytes.length > 0) this.#showCount();
  }

  /** Add the titles of the steps on the page; true when one is new. */
  addHosts() {
    const steps = [...document.querySelectorAll("[data-log-from]")].map((step) => [Number(step.dataset.logFrom), step.dataset.logTitle]);
    const hasChanged = this.log.setHosts(steps.filter(([at, title]) => title && at <= this.log.next));
    this.window.setDone([...document.querySelectorAll("[data-log-folded]")].map((step) => Number(step.dataset.logFrom)));
    return hasChanged;
  }

  #showCount() {
    const { lines, dropped, hostCount } = this.log;
    const number = lines.length - hostCount;
    const count = number === 1 ? "1 line" : `${number.toLocaleString("en")} lines`;
    this.#say(dropped || this.skipped ? `Last ${count}. The download has the whole log.` : count);
    this.search.goOn();
  }

  #end() {
    this.root.dataset.open = "false";
    this.addHosts();
    this.window.redraw();
    if (this.log.lines.length === this.log.hostCount) this.#say("No output.");
  }

  #say(text) {
    if (this.note === text) return;
    this.note = text;
    this.#show("[data-log-note]", text);
  }

  #show(place, text) {
    const note = this.root.querySelector(place);
    if (note) note.textContent = text;
  }

  goTo(at) {
    this.window.goTo(this.log.indexAt(at));
  }
}

class Refused extends Error {
  constructor(status) {
    super(status === 401 ? "You are logged out. Get a new address with: dvm web --url" : "The log does not exist any more.");
  }
}

export function once() {
  document.addEventListener("click", (event) => {
    const step = event.target.closest?.("[data-log-from]");
    if (!step || event.target.closest("a, button, summary, input")) return;
    for (const follower of followers.values()) follower.goTo(Number(step.dataset.logFrom));
  });
}

export function refresh() {
  for (const [root] of followers) if (!root.isConnected) followers.delete(root);
  for (const root of document.querySelectorAll("[data-log]")) {
    if (!followers.has(root) && root.querySelector("[data-log-lines]")) followers.set(root, new LogFollower(root));
  }
  for (const follower of followers.values()) if (follower.addHosts()) follower.window.redraw();
}
