// Asks the dashboard for a ticket, which opens the socket of a terminal once; and how long to wait for another try.

const LONGEST_WAIT = 15000; // milliseconds

/** {ticket}, {isOut} without a session, {refusal: {text, isGone, how}} by a sentence of the dashboard, {} for later. */
export async function askForTicket(url, csrf, asked) {
  const body = new URLSearchParams({ csrf, ...asked });
  const response = await fetch(url, { method: "POST", body, headers: { "X-CSRF-Token": csrf } });
  const said = await response.json().catch(() => null);
  if (response.ok && said) return { ticket: said };
  // An answer without JSON is the guard's: no session any more, or another secret path since "log out everywhere".
  if (!said) return { isOut: [401, 403, 404].includes(response.status) };
  const isGone = response.status === 404 && asked.id !== "";
  const how = { why: isGone ? "gone" : "failed", canStart: said.can_start };
  return { refusal: { text: `${said.what} ${said.todo}`.trim(), isGone, how } };
}

/** How long to wait before try number `tries`: longer each time, and never the same for two tabs. */
export function patience(tries, random = Math.random()) {
  return Math.min(LONGEST_WAIT, 500 * 2 ** tries) * (0.5 + random);
}
