// Filters the rows of a list while the user types; without it the form asks the server.
// <input data-filter-rows="ID of the list"> over [data-text] in [data-filter-group]; [data-filter-count], [data-filter-none]

export function matches(text, query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean).every((word) => text.includes(word));
}

function filter(field) {
  const list = document.getElementById(field.dataset.filterRows);
  const rows = [...list.querySelectorAll("[data-text]")];
  for (const row of rows) row.hidden = !matches(row.dataset.text, field.value);
  for (const group of list.querySelectorAll("[data-filter-group]")) group.hidden = !group.querySelector("[data-text]:not([hidden])");
  const shown = rows.filter((row) => !row.hidden).length;
  document.querySelector("[data-filter-count]").textContent = field.value.trim() ? `${shown} of ${rows.length}` : "";
  document.querySelector("[data-filter-none]").hidden = shown > 0;
}

export function refresh() {
  for (const field of document.querySelectorAll("[data-filter-rows]:not([data-ready])")) {
    field.dataset.ready = "";
    field.addEventListener("input", () => filter(field));
    field.form.addEventListener("submit", (event) => event.preventDefault());
  }
}
