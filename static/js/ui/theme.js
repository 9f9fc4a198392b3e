// The theme button: system, light, dark; stored in this browser.
// <button data-theme-switch hidden>

const KEY = "dvm-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "system", light: "light", dark: "dark" };

const now = () => document.documentElement.dataset.theme ?? "auto";

function show(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  refresh();
}

function keep(theme) {
  try {
    if (theme === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is disabled: the theme applies to this page only.
  }
}

export function once() {
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const theme = NEXT[now()];
    keep(theme);
    show(theme);
  });
  addEventListener("storage", (event) => {
    if (event.key === KEY) show(event.newValue); // another tab changed it
  });
}

export function refresh() {
  const words = `Theme: ${WORDS[now()]}. Change to ${WORDS[NEXT[now()]]}`;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.title = words;
    button.setAttribute("aria-label", words);
  }
}
