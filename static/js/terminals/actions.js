// Renames and closes a terminal by requests to the dashboard.

import { ask, askFor } from "./dialogs.js";

const CHECKING = "Checking what runs in it";
const NO_RESPONSE = "The dashboard does not respond. Try again later.";
const INVALID_NAME = "This is not a valid terminal name. Use 1 to 40 printable characters.";
const LONGEST_NAME = 40;

function post(page, path, fields) {
  const body = new URLSearchParams({ csrf: page.csrf, ...fields });
  const headers = { "X-CSRF-Token": page.csrf };
  return fetch(`${page.terminals}${path}`, { method: "POST", body, headers, redirect: "manual" });
}

const refresh = () => window.htmx?.trigger("#terminal-tabs", "dvm:refresh");

/** Ask for a new name and set it; a failure is shown on the pane. */
export async function rename(page, pane) {
  if (!pane.id || pane.end) return;
  const name = (await askFor("Terminal name", "", "Rename", { now: pane.name })).trim();
  if (!name || name === pane.name) return pane.focus();
  try {
    const answer = await post(page, `/${pane.id}/name`, { name });
    if (answer.type === "opaqueredirect" && name.length <= LONGEST_NAME) pane.update({ name });
    else pane.say(INVALID_NAME, "bad");
  } catch {
    pane.say(NO_RESPONSE, "bad");
  }
  refresh();
  pane.focus();
  return undefined;
}

/** Close a terminal; the server asks for confirmation where something runs in it. Resolves to whether it was closed. */
export async function close(page, pane, isListed) {
  if (!isListed) return Boolean(pane.end); // the server does not list it, any more or yet
  pane.say(CHECKING);
  try {
    let answer = await post(page, `/${pane.id}/close`, { as: "json" });
    if (answer.status === 409) {
      const { title, programs } = await answer.json();
      pane.say("");
      const isConfirmed = await ask(title, programs.join("\n"), `Close ${pane.name || "terminal"}`, "danger");
      if (!isConfirmed) return false;
      answer = await post(page, `/${pane.id}/close`, { as: "json", sure: "1" });
    }
    if (pane.note.text === CHECKING) pane.say("");
    if (answer.ok || answer.status === 404) return true; // 404: it ended meanwhile
    pane.say(`The terminal could not be closed (HTTP ${answer.status}).`, "bad");
  } catch {
    pane.say(NO_RESPONSE, "bad");
  }
  return false;
}
