// Disables the delete button until each name is typed. Without script the server checks it.
// <input data-confirm-name="shop-api"> … <button data-confirm-button>, in one form

function check(field) {
  const fields = [...(field.form?.querySelectorAll("[data-confirm-name]") ?? [])];
  const isRight = fields.every((one) => one.value === one.dataset.confirmName);
  for (const button of field.form?.querySelectorAll("[data-confirm-button]") ?? []) button.disabled = !isRight;
}

export function once() {
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-confirm-name]")) check(event.target);
  });
  addEventListener("pageshow", refresh); // the browser can restore the typed name
}

export function refresh() {
  document.querySelectorAll("[data-confirm-name]").forEach(check);
}
