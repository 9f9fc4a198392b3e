// A form that was sent is not sent twice: its buttons wait until the answer is there.
// A form is sent only while somebody answers: else the browser would put its own error page over what was typed.
// Not for forms that htmx sends (hx-disabled-elt does it), for dialogs and for downloads (data-may-repeat).

import { sayGone, sayLoggedOut, unsay } from "./alerts.js";

const PATIENCE = 15000; // milliseconds; then the answer did not come and one may try again
const SOON = 5000; // milliseconds for a file that is served at once
const NO_SESSION = [401, 403, 404]; // 404: the secret path is another one since "log out everywhere"
const TRY_AGAIN = " Then press the button again: what you typed is still here.";
const COPY_IT = " Then load this page again; copy what you typed first.";

let going = null; // the form that is sent now, for somebody answers

const isHtmx = (form) => ["hx-post", "hx-get", "hx-put", "hx-delete", "hx-boost"].some((name) => form.hasAttribute(name));

function release(form) {
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("[data-was-sent]")) {
    button.removeAttribute("data-was-sent");
    button.removeAttribute("aria-disabled");
  }
}

function hold(form, button) {
  form.setAttribute("aria-busy", "true");
  // aria-disabled and not disabled: the pressed button's own value must still go along.
  button?.setAttribute("aria-disabled", "true");
  button?.setAttribute("data-was-sent", "");
  setTimeout(() => release(form), PATIENCE);
}

/** Ask for the page's icon, which nobody gets without a session; say what is wrong where it does not come. */
async function isAnswered() {
  const icon = document.querySelector("link[data-favicon]")?.href;
  if (!icon) return true;
  try {
    const answer = await fetch(icon, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(SOON) });
    unsay();
    if (NO_SESSION.includes(answer.status)) sayLoggedOut(COPY_IT);
    return !NO_SESSION.includes(answer.status);
  } catch {
    sayGone(TRY_AGAIN);
    return false;
  }
}

async function send(form, button) {
  hold(form, button);
  if (!(await isAnswered())) {
    release(form);
    document.getElementById("alerts")?.scrollIntoView({ block: "nearest" });
    return;
  }
  // A poll may have brought the form anew meanwhile; one that is off the page sends nothing.
  const pressed = form.isConnected ? button : document.getElementById(button?.id);
  going = form.isConnected ? form : pressed?.form;
  going?.requestSubmit(pressed);
  going = null;
}

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form === going) return;
  if (form.matches("[data-may-repeat]") || isHtmx(form) || (event.submitter && isHtmx(event.submitter))) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") !== "true") send(form, event.submitter);
}

export function once() {
  document.addEventListener("submit", onSubmit);
  addEventListener("pageshow", () => document.querySelectorAll('form[aria-busy="true"]').forEach(release)); // the back button
}
