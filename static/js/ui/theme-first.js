// Sets the stored theme before the first paint; a classic script in the head, the only blocking one.
(() => {
  let theme = "";
  try {
    theme = localStorage.getItem("dvm-theme") ?? "";
  } catch {
    // Storage is disabled: use the system's theme.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
