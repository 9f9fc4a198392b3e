// Uploads files into the VM: dropped on an element, or chosen. One after another, each over its own socket. Reports through
// `say(text, isBad)`, its progress, many times a second, through `count(text)`, and the end of all through `done()`. They go
// into `folder`, by default the code folder.

import { ask } from "./dialogs.js";
import { plainTitle } from "./safety.js";

const PIECE = 32768; // bytes in one message; the server takes 64 KiB
const AHEAD = 1 << 20; // bytes in flight that the guest has not written yet
const MOST_SHOWN = 12;
const LOGGED_OUT = 4401;

/** An error whose message is shown to the user. */
class Refused extends Error {}

/** Accept files dropped on `element`. Returns a function that opens the file chooser. */
export function acceptFiles(element, { ticketUrl, csrf, say, count, folder = "", done = () => {} }) {
  const sender = new Sender({ ticketUrl, csrf, say, count, folder, done });
  const mark = (isOver) => element.classList.toggle("takes-files", isOver);
  element.addEventListener("dragenter", (event) => holdsFiles(event) && mark(true));
  // Also fires for child elements; relatedTarget is the element that is entered.
  element.addEventListener("dragleave", (event) => element.contains(event.relatedTarget) || mark(false));
  element.addEventListener("drop", (event) => {
    mark(false);
    if (holdsFiles(event)) sender.send(droppedFiles(event.dataTransfer));
  });
  // A file dropped elsewhere would replace this page.
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

/** The files and the names of folders; only available during the event. */
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
    if (this.isBusy) return this.say("An upload is already running. Wait until it has finished.", true);
    if (folders.length) return this.say(`${plainTitle(folders[0])} is a folder. Pack it into an archive, or use Git.`, true);
    if (!files.length) return;
    this.isBusy = true;
    window.addEventListener("beforeunload", confirmLeave);
    try {
      if (files.length === 1 || (await this.isConfirmed(files))) await this.sendAll(files);
    } catch (error) {
      this.say(messageOf(error), true);
    } finally {
      this.count("");
      window.removeEventListener("beforeunload", confirmLeave);
      this.isBusy = false;
    }
  }

  async isConfirmed(files) {
    const folder = this.folder || (await this.askForTicket()).folder;
    const names = files.slice(0, MOST_SHOWN).map(nameOf);
    if (files.length > names.length) names.push(`… and ${files.length - names.length} more`);
    return ask(`Upload ${files.length} files to ${plainTitle(folder)}?`, names.join("\n"), "Upload");
  }

  async sendAll(files) {
    const done = [];
    const failed = [];
    for (const [index, file] of files.entries()) {
      const which = files.length > 1 ? ` (${index + 1} of ${files.length})` : "";
      try {
        done.push({ file, ...(await this.sendOne(file, which)) });
      } catch (error) {
        failed.push(messageOf(error));
      }
    }
    this.say([summaryOf(done), ...failed].filter(Boolean).join(" "), failed.length > 0);
    if (done.length) this.done();
  }

  async sendOne(file, which) {
    this.say(`Uploading ${nameOf(file)}${which}`);
    const { ticket, socket } = await this.askForTicket();
    const address = new URL(`${socket}?${new URLSearchParams({ ticket })}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    return new Transfer(file, this.folder, new WebSocket(address), (part) => this.count(`${Math.floor(100 * part)} %`)).done;
  }

  async askForTicket() {
    const body = new URLSearchParams({ csrf: this.csrf });
    const response = await fetch(this.ticketUrl, { method: "POST", body, headers: { "X-CSRF-Token": this.csrf } });
    const answer = await response.json().catch(() => null);
    if (!answer) throw new Refused("You are logged out. Get a new address with: dvm web --url");
    if (!response.ok) throw new Refused(`${answer.what} ${answer.todo}`);
    return answer;
  }
}

/** One file over one socket; `done` resolves to where it was saved. */
class Transfer {
  constructor(file, folder, ws, onProgress) {
    Object.assign(this, { file, ws, onProgress, sent: 0, isSending: false });
    this.done = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    ws.onopen = () => ws.send(JSON.stringify({ name: file.name, size: file.size, folder }));
    ws.onmessage = (event) => this.receive(JSON.parse(event.data));
    ws.onclose = (event) => this.reject(new Refused(this.closeMessage(event.code)));
  }

  receive(message) {
    if (message.is === "done") this.resolve(message);
    else if (message.is === "error") this.reject(new Refused(`${message.what} ${message.todo}`));
    else if (message.is === "ack") this.continueFrom(message.at);
  }

  async continueFrom(at) {
    this.taken = at;
    if (this.file.size) this.onProgress(at / this.file.size);
    if (this.isSending) return;
    this.isSending = true;
    try {
      while (this.sent < this.file.size && this.sent - this.taken < AHEAD) await this.sendPiece();
      if (this.sent === this.file.size && !this.hasEnded) this.end();
    } catch {
      this.reject(new Refused(`${nameOf(this.file)} could not be read; it may have been changed or moved. No file was created.`));
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

  closeMessage(code) {
    if (code === LOGGED_OUT) return "You are logged out. Get a new address with: dvm web --url";
    if (this.hasEnded) return `It is not known whether ${nameOf(this.file)} arrived. Check the VM before you upload it again.`;
    return `Connection lost: ${nameOf(this.file)} was not uploaded. Try again.`;
  }
}

function summaryOf(done) {
  if (!done.length) return "";
  const { folder } = done.at(-1);
  if (done.length > 1) return `${done.length} files uploaded to ${folder}.${renamed(done)}`;
  const other = renamed(done) ? ` as ${done[0].name}: a file of that name already exists` : "";
  return `${nameOf(done[0].file)} uploaded to ${folder}${other}.`;
}

function renamed(done) {
  const others = done.filter(({ file, name }) => file.name !== name).map(({ name }) => name);
  return others.length ? ` Renamed, as files of these names already exist: ${others.join(", ")}.` : "";
}

const nameOf = (file) => plainTitle(file.name);

const messageOf = (error) => (error instanceof Refused ? error.message : "The dashboard does not respond. Try again.");

function confirmLeave(event) {
  event.preventDefault(); // the browser then asks the user
}
