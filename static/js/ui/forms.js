// Prevents a form from being sent twice: its buttons are disabled until the answer comes.
// Sends a form only if the dashboard responds: otherwise the browser's error page would replace the input.
// Not for forms sent by htmx (hx-disabled-elt does that), dialogs, and downloads (data-may-repeat).

import { sayGone, sayLoggedOut, unsay } from "./alerts.js";

const PATIENCE = 15000; // milliseconds without an answer before the form can be sent again
const SOON = 5000; // milliseconds for a file that is served immediately
const NO_SESSION = [401, 403, 404]; // 404: "log out everywhere" changes the secret path
const TRY_AGAIN = " Then press the button again; your input is kept.";
const COPY_IT = " Copy your input, then reload this page.";

let going = null; // the form that is being sent

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
  // aria-disabled, not disabled: the value of the pressed button must still be sent.
  button?.setAttribute("aria-disabled", "true");
  button?.setAttribute("data-was-sent", "");
  setTimeout(() => release(form), PATIENCE);
}

/** Request the page's icon, which needs a session; show an alert if that fails. */
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
  // A poll can have replaced the form; a removed form cannot be sent.
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
