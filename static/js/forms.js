// A form that was sent is not sent twice: its buttons wait until the answer is there.
// Not for forms that htmx sends (hx-disabled-elt does it), for dialogs and for downloads (data-may-repeat).

const PATIENCE = 15000; // milliseconds; then the answer did not come and one may try again

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

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[data-may-repeat]") || isHtmx(form)) return;
  if (event.submitter && isHtmx(event.submitter)) return;
  if (form.getAttribute("aria-busy") === "true") event.preventDefault();
  else hold(form, event.submitter);
}

export function once() {
  document.addEventListener("submit", onSubmit);
  addEventListener("pageshow", () => document.querySelectorAll('form[aria-busy="true"]').forEach(release)); // the back button
}
