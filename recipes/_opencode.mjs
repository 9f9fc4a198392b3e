// OpenCode tells its terminal how it stands: `works` or `waits`, into the pipe that DVM_TELL names. It does nothing else.
// A plugin of its screen (tui.json), not of its server: with one of those a start waits for npm, also without network.
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

const busy = new Set(); // sessions at work; those of subagents count, so that one which ends first says nothing
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
  for (const [id, session] of asked) if (session === sessionID) asked.delete(id); // a turn that was broken off
}
const ask = ({ id, sessionID }) => asked.set(id, sessionID);
const answer = ({ requestID }) => asked.delete(requestID);
const heard = { "session.status": status, "permission.asked": ask, "permission.replied": answer };
Object.assign(heard, { "question.asked": ask, "question.replied": answer, "question.rejected": answer });

function hear(act, properties) {
  try {
    act(properties);
    tell();
  } catch {} // no pipe, nobody who reads, or an event of another version: then it is guessed
}

const tui = async ({ event }) => {
  for (const [name, act] of Object.entries(heard)) event.on(name, ({ properties }) => hear(act, properties));
  hear(() => {});
};
export default { id: "dvm-tell", tui };
