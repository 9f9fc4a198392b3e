// The theme button: system, light, dark. The server stores it and sends each page with it; other open tabs follow.
// <form data-theme-form> with <button data-theme-switch name=theme value=NEXT>

import { store } from "./preferences.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const channel = "BroadcastChannel" in window ? new BroadcastChannel("dvm-theme") : null;

const now = () => document.documentElement.dataset.theme ?? "system";

function show(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  refresh();
}

export function once() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches?.("[data-theme-form]")) return;
    event.preventDefault();
    const theme = NEXT[now()];
    show(theme);
    channel?.postMessage(theme);
    store(event.target, { theme });
  });
  channel?.addEventListener("message", (event) => show(event.data));
}

export function refresh() {
  const words = `Theme: ${now()}. Change to ${NEXT[now()]}`;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.value = NEXT[now()];
    button.title = words;
    button.setAttribute("aria-label", words);
  }
}
