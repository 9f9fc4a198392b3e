// The line between one xterm and one terminal of the keeper: tickets, the socket, acknowledged bytes, and coming back.
// Knows nothing of the page; tells what happens through `on`:
//   attached(message)  state("open"|"waiting"|"over"|"out"|"failed", text, how)  size({cols, rows})  says(text)
//   counts(seconds)  until the next try; 0: it tries now
// `how` of an end: {why: "stopped"|"closed"|"lost"|"ended"|"gone"|"failed", canStart}

import { beforeReplay, between } from "./terminal-gap.js";
import { askForTicket, patience } from "./terminal-ticket.js";
import { isTyped, newTypist, Typing } from "./terminal-typing.js";

const ACK_EVERY = 65536; // bytes shown
const ACK_AFTER = 40; // milliseconds, for what is less
const PIECE = 32768; // bytes of input in one message; the server takes 64 KiB
const STEADY = 2000; // milliseconds after which a line was a good one: the next try comes soon
const SILENT = 40000; // milliseconds; the keeper asks every ten seconds whether we are there
const ENDED = 1000;
const LOGGED_OUT = 4401;
const LAGGED = 4408;

const LOGGED_OUT_WORDS = "You are logged out. Get a new address with: dvm web --url";
const GONE = "The connection is gone; what you type is kept. Trying again";
const TOO_MUCH = "That was too much at once: the program does not read. Some input is lost.";
const FULL = "More was typed than can be kept while the connection is gone: the last of it is left out. Trying again";
const NOT_SENT = "What you typed while the connection was gone was not sent.";
const encoder = new TextEncoder();

export class Link {
  /** `term` is an xterm; `ticketUrl` gives tickets for `id`, or for a new terminal of `command` where it is "". */
  constructor(term, { ticketUrl, csrf, id, command, on, shape }) {
    Object.assign(this, { term, ticketUrl, csrf, id, command, on });
    this.size = { cols: term.cols, rows: term.rows }; // what this window can show
    this.isSeen = true;
    this.tries = 0;
    this.begin();
    term.onData((text) => this.type(shape(text)));
    term.onBinary((text) => this.isReady() && this.send(Uint8Array.from(text, (one) => one.charCodeAt(0))));
  }

  /** As it is before the first attach. */
  begin() {
    this.received = null; // offset of the next byte from the server; null: begin with the oldest
    this.shown = 0; // offset up to which xterm has drawn
    this.acked = 0;
    this.replayUntil = 0; // up to here bytes were shown before: what they ask is not answered again
    this.isReplaying = false;
    this.drawing = 0; // pieces that xterm has not drawn yet
    this.isOver = false;
    this.lastWords = this.ws = this.openedAt = null;
    this.typist = newTypist();
    this.typing = new Typing();
  }

  async connect() {
    clearTimeout(this.timer);
    if (this.isOver || this.isConnecting || this.isOpen()) return;
    this.isConnecting = true;
    try {
      const answer = await this.askForTicket();
      if (answer && !this.isOver) this.openSocket(answer);
    } catch {
      this.wait(); // the dashboard does not answer
    } finally {
      this.isConnecting = false;
    }
  }

  /** A ticket, or null where there is none: it is said why, or tried again. */
  async askForTicket() {
    const asked = { id: this.id, command: this.command, ...this.size };
    const { ticket, isOut, refusal } = await askForTicket(this.ticketUrl, this.csrf, asked);
    if (ticket) return ticket;
    if (isOut) this.end("out", LOGGED_OUT_WORDS);
    else if (refusal) this.end(refusal.isGone ? "over" : "failed", refusal.text, refusal.how);
    else this.wait();
    return null;
  }

  openSocket({ id, ticket, socket }) {
    this.id = id;
    const query = new URLSearchParams({ ticket, typist: this.typist, ...(this.isSeen ? this.size : {}) });
    if (this.received !== null) query.set("from", this.received);
    const address = new URL(`${socket}?${query}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const ws = new WebSocket(address);
    ws.binaryType = "arraybuffer";
    ws.onmessage = (event) => {
      if (ws !== this.ws) return;
      this.heardAt = performance.now();
      if (typeof event.data === "string") this.hear(JSON.parse(event.data));
      else this.show(new Uint8Array(event.data));
    };
    ws.onclose = (event) => ws === this.ws && this.closed(event.code);
    this.heardAt = performance.now();
    this.isAttached = false;
    this.ws = ws;
  }

  isOpen() {
    return this.ws?.readyState === WebSocket.OPEN || this.ws?.readyState === WebSocket.CONNECTING;
  }

  // -- from the terminal ------------------------------------------------------------------------------------------

  hear(message) {
    if (message.is === "attached") this.attached(message);
    else if (message.is === "skipped") this.skipped(message);
    else if (message.is === "size") this.on.size(message);
    else if (message.is === "ping") this.say({ do: "pong" });
    else if (message.is === "overrun") this.on.says(TOO_MUCH);
    else if (message.is === "exit") this.lastWords = message;
  }

  attached(message) {
    const isFirst = this.received === null;
    if (message.reset) this.draw("", () => this.term.reset()); // behind what still waits to be drawn
    if (message.cut) this.draw(beforeReplay(message.modes));
    this.jump(message.from);
    this.replayUntil = message.replay;
    this.isReplaying = message.replay > message.from;
    this.openedAt = performance.now();
    this.isAttached = true;
    if (!this.isSeen) this.say({ do: "away" });
    this.on.attached(message);
    this.on.size(message);
    this.on.state("open", "");
    this.resume(message, isFirst || !message.reset);
    this.sendTyped();
  }

  /** Where the screen is another one by now, what was meant for the old one is not typed. */
  resume({ typed }, isSame) {
    const waiting = this.typing.waiting;
    const lost = this.typing.resume(typed);
    if (!isSame) this.typing.start(this.typing.given);
    if (lost || (!isSame && waiting)) this.on.says(NOT_SENT);
  }

  skipped({ from, modes }) {
    this.draw(between(modes));
    this.jump(from);
    if (from >= this.replayUntil) this.replayed();
  }

  /** The next byte is that of `offset`; a gap before it counts as shown. */
  jump(offset) {
    this.received = this.shown = this.acked = offset;
  }

  show(bytes) {
    this.received += bytes.length;
    const upTo = this.received;
    const ws = this.ws;
    this.draw(bytes, () => {
      if (ws !== this.ws) return;
      if (this.isReplaying && upTo >= this.replayUntil) this.replayed();
      this.shown = Math.max(this.shown, upTo); // drawn late, before a gap: counted already
      this.ack();
    });
  }

  draw(what, then) {
    this.drawing += 1;
    this.term.write(what, () => {
      this.drawing -= 1;
      then?.();
    });
  }

  replayed() {
    this.isReplaying = false;
    this.sendTyped();
  }

  ack() {
    if (this.shown - this.acked >= ACK_EVERY) this.sendAck();
    else if (!this.ackTimer) this.ackTimer = setTimeout(() => this.sendAck(), ACK_AFTER);
  }

  sendAck() {
    clearTimeout(this.ackTimer);
    this.ackTimer = 0;
    if (this.shown <= this.acked) return;
    this.acked = this.shown;
    this.say({ do: "ack", at: this.acked });
  }

  // -- to the terminal --------------------------------------------------------------------------------------------

  /** Is there a line, and is what xterm says meant for it? */
  isReady() {
    return this.ws?.readyState === WebSocket.OPEN && this.isAttached && !this.isReplaying;
  }

  type(text) {
    if (this.isReady()) this.send(encoder.encode(text));
    else if (!this.isOver && isTyped(text, this.drawing > 0 || this.isReplaying)) {
      if (!this.typing.hold(encoder.encode(text)) && this.openedAt) this.on.says(FULL);
    }
  }

  send(bytes) {
    this.typing.add(bytes);
    this.sendTyped();
  }

  sendTyped() {
    if (!this.isReady()) return;
    const bytes = this.typing.give();
    for (let at = 0; at < bytes.length; at += PIECE) this.ws.send(bytes.slice(at, at + PIECE));
  }

  say(message) {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(message));
  }

  resize(size) {
    this.size = size;
    if (this.isSeen) this.say({ do: "resize", ...size });
  }

  /** It was hidden, or is seen again. */
  seen(isSeen) {
    this.isSeen = isSeen;
    if (isSeen && !this.isOpen()) this.retryNow();
    else if (isSeen) this.resize(this.size);
    else this.say({ do: "away" });
  }

  // -- its end, and coming back -----------------------------------------------------------------------------------

  /** Look whether the line is what it seems; after a sleep of the computer it often is not. */
  look(hasSlept) {
    if (this.isOver || this.id === "" || this.isConnecting) return;
    const isSilent = performance.now() - this.heardAt > SILENT;
    if (this.isOpen() && isSilent) this.drop();
    else if (!this.isOpen() && hasSlept) this.retryNow();
  }

  /** Give a line up that says nothing; its own end may take minutes. */
  drop() {
    const { ws } = this;
    this.ws = null;
    ws.close();
    this.closed(0);
  }

  closed(code) {
    this.isAttached = this.isReplaying = false;
    if (performance.now() - (this.openedAt ?? Infinity) > STEADY) this.tries = 0;
    if (this.lastWords) this.ended(this.lastWords);
    else if (code === LOGGED_OUT) this.end("out", LOGGED_OUT_WORDS);
    else if (code === ENDED) this.ended({ reason: "The terminal has ended." });
    else if (code === LAGGED && !this.isSeen) this.on.state("waiting", "Paused while it is hidden.");
    else this.wait();
  }

  wait() {
    this.on.state("waiting", GONE);
    this.count(performance.now() + patience(this.tries++));
  }

  /** Tell each second how long it still takes until `due`, then try. */
  count(due) {
    const left = due - performance.now();
    const seconds = Math.max(0, Math.ceil(left / 1000));
    this.on.counts(seconds);
    if (seconds === 0) this.connect();
    else this.timer = setTimeout(() => this.count(due), left - (seconds - 1) * 1000);
  }

  retryNow() {
    this.tries = 0;
    this.connect();
  }

  ended({ reason, why = "ended", code }) {
    const words = this.typing.waiting ? `${reason} ${NOT_SENT}` : reason;
    this.end("over", words, { why, code });
  }

  end(kind, text, how = {}) {
    this.isOver = true;
    this.on.state(kind, text, how);
  }

  /** Go on with a new terminal in the same window: no byte for the old one goes there. */
  renew() {
    this.term.reset(); // a program that died may have left the mouse on
    this.begin();
    Object.assign(this, { id: "", tries: 0 });
    return this.connect();
  }

  leave() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.ws?.close();
  }
}
