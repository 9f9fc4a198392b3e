// Says on every page how many terminals need somebody and, where the user wants it, by a notice of the browser.
// [data-needs="address"] in the navigation takes the number; [data-notices] with -switch, -word and -note turns notices
// on. What the user chose and what was said already are kept in this browser, so that two tabs do not say it twice.

const EVERY = 5000; // milliseconds
const CHOICE = "dvm.notices";
const SAID = "dvm.notices.said";

let timer = 0;
let isTold = false; // this page knows the number

const find = (name) => document.querySelector(`[data-notices${name}]`);
const isWanted = () => stored(CHOICE) === "on" && window.Notification?.permission === "granted";

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is closed to us
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // nothing is remembered then
  }
}

async function ask() {
  const place = document.querySelector("[data-needs]");
  if (!place || (document.hidden && isTold && !isWanted())) return;
  const answer = await fetch(place.dataset.needs, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return; // what else polls says so
  const { needing } = await answer.json();
  isTold = true;
  if (!needing) return showUnknown(place);
  showNumber(place, needing.length);
  tell(place, needing);
}

function showNumber(place, number) {
  place.hidden = number === 0;
  place.textContent = number ? String(number) : "";
  if (number) place.title = `${number} ${number === 1 ? "needs" : "need"} you`;
  place.toggleAttribute("data-waiting", number > 0);
  document.dispatchEvent(new Event("dvm:needs"));
}

/** The keeper does not answer: that is not "nobody". */
function showUnknown(place) {
  place.hidden = false;
  place.textContent = "?";
  place.title = "Nobody can say which terminal needs you";
}

/** A notice for each that is new; one that somebody has in sight needs none. */
function tell(place, needing) {
  const said = new Set((stored(SAID) ?? "").split(" "));
  const fresh = needing.filter((one) => !said.has(one.id) && !one.is_watched);
  const known = needing.filter((one) => said.has(one.id) || one.is_watched || isWanted());
  store(SAID, known.map((one) => one.id).join(" "));
  if (!isWanted()) return;
  for (const one of fresh) {
    const notice = new Notification(one.title, { tag: `dvm-${one.id}`, body: "A terminal needs you." });
    notice.onclick = () => {
      window.focus();
      location.assign(`${place.closest("[data-root]").dataset.root}${one.path}`);
    };
  }
}

async function turn() {
  const note = find("-note");
  if (stored(CHOICE) === "on") {
    store(CHOICE, "off");
    note.textContent = "Notices are off.";
  } else if ((await Notification.requestPermission()) === "granted") {
    store(CHOICE, "on");
    store(SAID, "");
    note.textContent = "Notices are on, in this browser, while a page of dvm is open.";
  } else {
    note.textContent = "The browser does not allow notices of this page. Allow them in its settings, then try again.";
  }
  showChoice();
}

function showChoice() {
  find("-switch").setAttribute("aria-pressed", String(isWanted()));
  find("-word").textContent = isWanted() ? "Notices are on" : "Tell me when one needs me";
}

export function refresh() {
  const bar = find("");
  if (!bar || !bar.hidden || !("Notification" in window)) return;
  bar.hidden = false;
  showChoice();
  find("-switch").addEventListener("click", turn);
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
