// Sends files into the VM: dropped on an element, or chosen. One after another, each over a socket of its own. Tells what
// happens through `say(text, isBad)`, and how far it is, many times a second, through `count(text)`.

import { ask } from "./terminal-dialogs.js";
import { plainTitle } from "./terminal-safety.js";

const PIECE = 32768; // bytes in one message; the server takes 64 KiB
const AHEAD = 1 << 20; // bytes that may be on their way before the guest has written them
const MOST_SHOWN = 12;
const LOGGED_OUT = 4401;

/** Words of an error that the page shows as they are. */
class Refused extends Error {}

/** Take files that are dropped on `element`. Returns a function that lets the user choose some, by keyboard or on a phone. */
export function guardDrop(element, { ticketUrl, csrf, say, count }) {
  const sender = new Sender({ ticketUrl, csrf, say, count });
  const mark = (isOver) => element.classList.toggle("takes-files", isOver);
  element.addEventListener("dragenter", (event) => holdsFiles(event) && mark(true));
  // It also comes for each element below, with the one that is entered in the place of this.
  element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || mark(false));
  element.addEventListener("drop", (event) => {
    mark(false);
    if (holdsFiles(event)) sender.send(droppedFiles(event.dataTransfer));
  });
  // A file that is dropped beside it would be opened in the place of this page, and the terminal be gone.
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      if (name === "dragover") event.dataTransfer.dropEffect = element.contains(event.target) ? "copy" : "none";
    });
  }
  return () => chooseFiles((files) => sender.send({ files, folders: [] }));
}

const holdsFiles = (event) => Boolean(event.dataTransfer?.types.includes("Files"));

/** Files and names of folders; both only while the event lasts. */
function droppedFiles(transfer) {
  const files = [];
  const folders = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    const file = item.getAsFile();
    if (entry?.isDirectory) folders.push(entry.name);
    else if (file) files.push(file);
  }
  return { files, folders };
}

function chooseFiles(use) {
  const field = document.createElement("input");
  field.type = "file";
  field.multiple = true;
  field.addEventListener("change", () => use([...field.files]));
  field.click();
}

class Sender {
  constructor(to) {
    Object.assign(this, to);
    this.isBusy = false;
  }

  async send({ files, folders }) {
    if (this.isBusy) return this.say("Files are being sent already. Wait for their end.", true);
    if (folders.length) return this.say(`${plainTitle(folders[0])} is a folder. Pack it into one file, or use git.`, true);
    if (!files.length) return;
    this.isBusy = true;
    window.addEventListener("beforeunload", stay);
    try {
      if (files.length === 1 || (await this.isMeant(files))) await this.sendAll(files);
    } catch (error) {
      this.say(wordsOf(error), true);
    } finally {
      this.count("");
      window.removeEventListener("beforeunload", stay);
      this.isBusy = false;
    }
  }

  async isMeant(files) {
    const { folder } = await this.askForTicket();
    const names = files.slice(0, MOST_SHOWN).map(nameOf);
    if (files.length > names.length) names.push(`… and ${files.length - names.length} more`);
    return ask(`Upload ${files.length} files to ${folder}?`, names.join("\n"), "Upload");
  }

  async sendAll(files) {
    const done = [];
    const failed = [];
    for (const [index, file] of files.entries()) {
      const which = files.length > 1 ? ` (${index + 1} of ${files.length})` : "";
      try {
        done.push({ file, ...(await this.sendOne(file, which)) });
      } catch (error) {
        failed.push(wordsOf(error));
      }
    }
    this.say([whereTheyAre(done), ...failed].filter(Boolean).join(" "), failed.length > 0);
  }

  async sendOne(file, which) {
    this.say(`Sending ${nameOf(file)}${which}`);
    const { ticket, socket } = await this.askForTicket();
    const address = new URL(`${socket}?${new URLSearchParams({ ticket })}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    return new Transfer(file, new WebSocket(address), (part) => this.count(`${Math.floor(100 * part)} %`)).done;
  }

  async askForTicket() {
    const body = new URLSearchParams({ csrf: this.csrf });
    const response = await fetch(this.ticketUrl, { method: "POST", body, headers: { "X-CSRF-Token": this.csrf } });
    const said = await response.json().catch(() => null);
    if (!said) throw new Refused("You are logged out. Get a new address with: dvm web --url");
    if (!response.ok) throw new Refused(`${said.what} ${said.todo}`);
    return said;
  }
}

/** One file over one socket; `done` is where it lies in the end. */
class Transfer {
  constructor(file, ws, onProgress) {
    Object.assign(this, { file, ws, onProgress, sent: 0, isSending: false });
    this.done = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    ws.onopen = () => ws.send(JSON.stringify({ name: file.name, size: file.size }));
    ws.onmessage = (event) => this.hear(JSON.parse(event.data));
    ws.onclose = (event) => this.reject(new Refused(this.lastWords(event.code)));
  }

  hear(said) {
    if (said.is === "done") this.resolve(said);
    else if (said.is === "error") this.reject(new Refused(`${said.what} ${said.todo}`));
    else if (said.is === "ack") this.goOn(said.at);
  }

  async goOn(at) {
    this.taken = at;
    if (this.file.size) this.onProgress(at / this.file.size);
    if (this.isSending) return;
    this.isSending = true;
    try {
      while (this.sent < this.file.size && this.sent - this.taken < AHEAD) await this.sendPiece();
      if (this.sent === this.file.size && !this.hasEnded) this.end();
    } catch {
      this.reject(new Refused(`${nameOf(this.file)} cannot be read any more: was it changed or moved? No file was made of it.`));
      this.ws.close();
    }
    this.isSending = false;
  }

  async sendPiece() {
    const piece = await this.file.slice(this.sent, this.sent + PIECE).arrayBuffer();
    if (!piece.byteLength) throw new Error("shorter than it was");
    this.ws.send(piece);
    this.sent += piece.byteLength;
  }

  end() {
    this.hasEnded = true;
    this.ws.send(JSON.stringify({ do: "end" }));
  }

  lastWords(code) {
    if (code === LOGGED_OUT) return "You are logged out. Get a new address with: dvm web --url";
    if (this.hasEnded) return `It is not known whether ${nameOf(this.file)} arrived. Look into the VM before you send it again.`;
    return `The connection is gone: no file was made of ${nameOf(this.file)}. Try again.`;
  }
}

function whereTheyAre(done) {
  if (!done.length) return "";
  const { folder } = done.at(-1);
  if (done.length > 1) return `${done.length} files are in ${folder}.${renamed(done)}`;
  const other = renamed(done) ? ` as ${done[0].name}, for there was one of that name` : "";
  return `${nameOf(done[0].file)} is in ${folder}${other}.`;
}

function renamed(done) {
  const others = done.filter(({ file, name }) => file.name !== name).map(({ name }) => name);
  return others.length ? ` Some names were taken: ${others.join(", ")}.` : "";
}

const nameOf = (file) => plainTitle(file.name);

const wordsOf = (error) => (error instanceof Refused ? error.message : "The dashboard does not answer. Try again.");

function stay(event) {
  event.preventDefault(); // the browser asks whether to leave
}
