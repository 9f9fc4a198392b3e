// One alert at the top of the page for what keeps the page from the dashboard; it goes when an answer comes.
// <div id="alerts" role="alert">

const ALERT = "alert-gone";
const GONE = ["The dashboard does not answer.", "It was stopped, or this computer slept. Start it again with: dvm web. Jobs and terminals go on without it."];
const LOGGED_OUT = ["You are logged out.", "Open a fresh address: dvm web --url prints one."];

/** Say it, unless something is said already. */
export function say(title, text) {
  const place = document.getElementById("alerts");
  if (!place || document.getElementById(ALERT)) return;
  const words = document.createElement("div");
  words.append(Object.assign(document.createElement("b"), { textContent: title }));
  words.append(Object.assign(document.createElement("p"), { textContent: text }));
  const alert = Object.assign(document.createElement("div"), { id: ALERT, className: "callout bad" });
  alert.append(words);
  place.append(alert);
}

export const sayGone = (more = "") => say(GONE[0], `${GONE[1]}${more}`);
export const sayLoggedOut = (more = "") => say(LOGGED_OUT[0], `${LOGGED_OUT[1]}${more}`);

/** The dashboard has answered. */
export function unsay() {
  document.getElementById(ALERT)?.remove();
}
