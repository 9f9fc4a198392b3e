// Stores a preference without leaving the page: sends fields to /preferences in the background.

/** Send these fields, a record or URLSearchParams, with the token of a form; true if they were stored. */
export async function store(form, fields) {
  const body = new URLSearchParams(fields);
  body.set("csrf", form.elements.namedItem("csrf").value);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Dvm-Script": "1" } }).catch(() => null);
  return Boolean(answer?.ok);
}
