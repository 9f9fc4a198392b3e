// Posts the one-time token from the fragment of the address, and removes it from the address bar.
const form = document.querySelector("[data-login]");
const token = location.hash.slice(1);

if (form && token) {
  history.replaceState(null, "", location.pathname);
  form.elements.namedItem("token").value = token;
  form.requestSubmit();
}
