// Ctrl+Enter anywhere in the form of a VM saves and syncs; a folded part opens when one of its fields is wrong.

export function once() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const form = document.getElementById("vm-form");
    if (!form || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[name=do][value=sync]"));
  });
}

export function refresh() {
  for (const part of document.querySelectorAll("#vm-form details.advanced:not([open])")) {
    if (part.querySelector('[aria-invalid="true"]')) part.open = true;
  }
}
