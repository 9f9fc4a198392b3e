// Posts the one-use token that stands in the fragment of the address, and takes it out of the address bar.
const form = document.querySelector("[data-login]");
const token = location.hash.slice(1);

if (form && token) {
  history.replaceState(null, "", location.pathname);
  form.elements.namedItem("token").value = token;
  form.requestSubmit();
}
