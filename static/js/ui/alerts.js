// One alert at the top of the page while the dashboard cannot be reached; an answer removes it.
// <div id="alerts" role="alert">

const ALERT = "alert-gone";
const GONE = ["The dashboard does not respond.", "It was stopped, or the host was asleep. Start it again with: dvm web. Jobs and terminals keep running."];
const LOGGED_OUT = ["You are logged out.", "Get a new address with: dvm web --url."];

/** Show an alert, unless one is shown already. */
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

/** Remove the alert: the dashboard has answered. */
export function unsay() {
  document.getElementById(ALERT)?.remove();
}
