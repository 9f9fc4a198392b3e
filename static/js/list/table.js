// The head of the list: a click on a column sorts and is remembered, and the boxes of the Columns menu act at once.
// <a data-sort="memory" data-direction="descending">, <form data-preferences>

import { store } from "../ui/preferences.js";

const form = () => document.querySelector("#view");

function again() {
  const list = document.querySelector("#vms");
  if (list) window.htmx?.trigger(list, "dvm:refresh");
}

async function sort(link) {
  const { sort: column, direction } = link.dataset;
  if (!(await store(form(), { sort: column, direction }))) return location.assign(link.href);
  const facts = new URLSearchParams(location.search);
  if (!facts.has("sort")) return again();
  facts.delete("sort");
  facts.delete("direction");
  location.assign(`${location.pathname}${facts.size > 0 ? `?${facts}` : ""}`);
}

async function change(menu) {
  const density = menu.elements.namedItem("density").value;
  document.documentElement.dataset.density = density;
  if (await store(menu, new URLSearchParams(new FormData(menu)))) again();
}

export function once() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-sort]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    sort(link);
  });
  document.addEventListener("change", (event) => {
    const menu = event.target.closest?.("[data-preferences]");
    if (menu) change(menu);
  });
}
