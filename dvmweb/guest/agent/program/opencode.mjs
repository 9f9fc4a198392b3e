// Reports the status of OpenCode to its terminal: writes `works` or `waits` into the pipe DVM_TELL, nothing else.
// A TUI plugin (tui.json), not a server plugin: with a server plugin a start waits for npm, even without a network.
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

const busy = new Set(); // working sessions, also of subagents, so the end of one of them changes nothing
const asked = new Map(); // id of an open question -> its session
let told = "";

function tell() {
  const word = busy.size && !asked.size ? "works" : "waits";
  if (word === told) return;
  const pipe = openSync(process.env.DVM_TELL, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (fstatSync(pipe).isFIFO() && writeSync(pipe, `${word}\n`)) told = word;
  } finally {
    closeSync(pipe);
  }
}

function status({ sessionID, status }) {
  if (status.type !== "idle") return busy.add(sessionID);
  busy.delete(sessionID);
  for (const [id, session] of asked) if (session === sessionID) asked.delete(id); // an aborted turn
}
const ask = ({ id, sessionID }) => asked.set(id, sessionID);
const answer = ({ requestID }) => asked.delete(requestID);
const heard = { "session.status": status, "permission.asked": ask, "permission.replied": answer };
Object.assign(heard, { "question.asked": ask, "question.replied": answer, "question.rejected": answer });

function hear(act, properties) {
  try {
    act(properties);
    tell();
  } catch {} // no pipe, no reader, or an event of another version: dvm guesses the status from the output
}

const tui = async ({ event }) => {
  for (const [name, act] of Object.entries(heard)) event.on(name, ({ properties }) => hear(act, properties));
  hear(() => {});
};
export default { id: "dvm-tell", tui };
