// Requests a one-use ticket for the socket of a terminal, and computes the delay between attempts.

const LONGEST_WAIT = 15000; // milliseconds

/** {ticket}; {isOut} without a session; {refusal: {text, isGone, how}} with the dashboard's error; {} to retry later. */
export async function requestTicket(url, csrf, wanted) {
  const body = new URLSearchParams({ csrf, ...wanted });
  const response = await fetch(url, { method: "POST", body, headers: { "X-CSRF-Token": csrf } });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return { ticket: answer };
  // A response without JSON comes from the guard: the session ended, or "log out everywhere" changed the secret path.
  if (!answer) return { isOut: [401, 403, 404].includes(response.status) };
  const isGone = response.status === 404 && wanted.id !== "";
  const how = { why: isGone ? "gone" : "failed", canStart: answer.can_start };
  return { refusal: { text: `${answer.what} ${answer.todo}`.trim(), isGone, how } };
}

/** Milliseconds before attempt number `tries`: longer each time, with jitter between tabs. */
export function retryDelay(tries, random = Math.random()) {
  return Math.min(LONGEST_WAIT, 500 * 2 ** tries) * (0.5 + random);
}
