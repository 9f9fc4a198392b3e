// What a person does with a terminal: give it a name, close it, paste into it; by plain requests to the dashboard.

import { ask, askFor } from "./terminal-dialogs.js";

const LOOKING = "Looking what runs in it";
const UNANSWERED = "The dashboard does not answer. Try it again when it does.";
const NO_NAME = "This cannot name a terminal. Use 1 to 40 letters, digits and signs.";
const LONGEST_NAME = 40;

function post(page, path, fields) {
  const body = new URLSearchParams({ csrf: page.csrf, ...fields });
  const headers = { "X-CSRF-Token": page.csrf };
  return fetch(`${page.terminals}${path}`, { method: "POST", body, headers, redirect: "manual" });
}

const refresh = () => window.htmx?.trigger("#terminal-tabs", "dvm:refresh");

/** Ask for a name and give it; says on the pane what went wrong. */
export async function rename(page, pane) {
  if (!pane.id || pane.end) return;
  const name = (await askFor("Name of this terminal", "", "Rename", { now: pane.name })).trim();
  if (!name || name === pane.name) return pane.focus();
  try {
    const answer = await post(page, `/${pane.id}/name`, { name });
    if (answer.type === "opaqueredirect" && name.length <= LONGEST_NAME) pane.tell({ name });
    else pane.say(NO_NAME, "bad");
  } catch {
    pane.say(UNANSWERED, "bad");
  }
  refresh();
  pane.focus();
  return undefined;
}

/** Close a terminal: asked for by the server where something runs in it. Resolves to whether it is closed. */
export async function close(page, pane, isListed) {
  if (!isListed) return Boolean(pane.end); // the server knows it no more, or not yet
  pane.say(LOOKING);
  try {
    let answer = await post(page, `/${pane.id}/close`, { as: "json" });
    if (answer.status === 409) {
      const { title, programs } = await answer.json();
      pane.say("");
      const isMeant = await ask(title, programs.join("\n"), `Close ${pane.name || "it"}`, "danger");
      if (!isMeant) return false;
      answer = await post(page, `/${pane.id}/close`, { as: "json", sure: "1" });
    }
    if (pane.note.text === LOOKING) pane.say("");
    if (answer.ok || answer.status === 404) return true; // 404: it has ended meanwhile
    pane.say(`The dashboard could not close it (${answer.status}).`, "bad");
  } catch {
    pane.say(UNANSWERED, "bad");
  }
  return false;
}
