// Sets the stored theme before the first paint; a classic script in the head, the only one that blocks.
(() => {
  let theme = "";
  try {
    theme = localStorage.getItem("dvm-theme") ?? "";
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
