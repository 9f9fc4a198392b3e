// Shows on every page how many items need attention and, where enabled, a browser notification for each urgent one.
// [data-needs="URL"] in the navigation shows the number; [data-notices] with -switch, -text and -note enables notifications.
// [data-notice-kinds] with a [data-notice-kind] for each kind: of which items the browser notifies.
// The choice and what was already notified are stored in this browser, so that two tabs do not notify twice.

const EVERY = 5000; // milliseconds
const CHOICE = "dvm.notices";
const KINDS = "dvm.notices.kinds"; // separated by spaces
const USUAL_KINDS = "agents problems jobs";
const NOTIFIED = "dvm.notices.said";

let timer = 0;
let isKnown = false; // this page has the number

const find = (name) => document.querySelector(`[data-notices${name}]`);
const isEnabled = () => stored(CHOICE) === "on" && window.Notification?.permission === "granted";

/** Does the user want notifications of this kind: agents, problems, changes, or jobs, which are long ones that end? */
export const wants = (kind) => isEnabled() && kinds().has(kind);
const kinds = () => new Set((stored(KINDS) ?? USUAL_KINDS).split(" "));

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is blocked
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage is blocked: nothing is remembered
  }
}

async function ask() {
  const place = document.querySelector("[data-needs]");
  if (!place || (document.hidden && isKnown && !isEnabled())) return;
  const answer = await fetch(place.dataset.needs, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return; // shown by the page's other polls
  const { needing, is_blind: isBlind, jobs } = await answer.json();
  isKnown = true;
  showNumber(place, needing, isBlind);
  const wanted = needing.filter((one) => kinds().has(one.group));
  notifyOf(place, wanted, isBlind);
  const notified = isEnabled() ? wanted.map((one) => one.path) : [];
  document.dispatchEvent(new CustomEvent("dvm:jobs", { detail: { ...jobs, notified } })); // to jobs/ended.js
}

/** The number; "?" is added while the keeper does not respond, which is not the same as "none". */
function showNumber(place, needing, isBlind) {
  const number = needing.length;
  place.hidden = number === 0 && !isBlind;
  place.textContent = `${number || ""}${isBlind ? "?" : ""}`;
  place.title = isBlind ? "Which terminals need attention is not known" : "";
  place.toggleAttribute("data-waiting", needing.some((one) => one.is_urgent));
  document.dispatchEvent(new Event("dvm:needs"));
}

/** Notify of each new one; none for a terminal that is visible in a window. */
function notifyOf(place, needing, isBlind) {
  const notified = new Set((stored(NOTIFIED) ?? "").split(" "));
  const fresh = needing.filter((one) => !notified.has(one.id) && !one.is_watched);
  const known = needing.filter((one) => notified.has(one.id) || one.is_watched || isEnabled());
  const kept = isBlind ? [...notified] : []; // what is not known now was not solved
  store(NOTIFIED, [...new Set([...kept, ...known.map((one) => one.id)])].join(" "));
  if (!isEnabled()) return;
  for (const one of fresh) {
    const notice = new Notification(one.title, { tag: `dvm-${one.id}`, body: one.detail });
    notice.onclick = () => {
      window.focus();
      location.assign(`${place.closest("[data-root]").dataset.root}${one.path}`);
    };
  }
}

async function toggle() {
  const note = find("-note");
  if (stored(CHOICE) === "on") {
    store(CHOICE, "off");
    note.textContent = "Notifications are off.";
  } else if ((await Notification.requestPermission()) === "granted") {
    store(CHOICE, "on");
    store(NOTIFIED, "");
    note.textContent = "Notifications are on in this browser while a dvm page is open.";
  } else {
    note.textContent = "The browser blocks notifications from this page. Allow them in its settings, then try again.";
  }
  showChoice();
}

function showChoice() {
  find("-switch").setAttribute("aria-pressed", String(isEnabled()));
  find("-text").textContent = isEnabled() ? "Notifications are on" : "Notify me";
}

function refreshKinds() {
  const place = document.querySelector("[data-notice-kinds]");
  if (!place || !place.hidden || !("Notification" in window)) return;
  const boxes = [...place.querySelectorAll("[data-notice-kind]")];
  for (const box of boxes) box.checked = kinds().has(box.dataset.noticeKind);
  place.addEventListener("change", () =>
    store(KINDS, boxes.filter((box) => box.checked).map((box) => box.dataset.noticeKind).join(" ")),
  );
  place.hidden = false;
}

export function refresh() {
  refreshKinds();
  const bar = find("");
  if (!bar || !bar.hidden || !("Notification" in window)) return;
  bar.hidden = false;
  showChoice();
  find("-switch").addEventListener("click", toggle);
}

export function once() {
  const again = () => {
    clearTimeout(timer);
    ask().finally(() => (timer = setTimeout(again, EVERY)));
  };
  again();
  document.addEventListener("visibilitychange", () => document.hidden || again());
  document.addEventListener("dvm:answers", again);
}
