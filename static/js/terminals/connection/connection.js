// The connection between one xterm and one terminal of the keeper: tickets, the socket, acknowledgements, reconnecting.
// Independent of the page; reports through `on`:
//   attached(message)  state("open"|"waiting"|"over"|"out"|"failed", text, how)  size({cols, rows})  notice(text)
//   countdown(seconds)  until the next attempt; 0: it connects now
// `how` of an end: {why: "stopped"|"closed"|"lost"|"ended"|"gone"|"failed", canStart}

import { Acknowledgements } from "./acknowledgements.js";
import { beforeReplay, between } from "./gap.js";
import { requestTicket, retryDelay } from "./ticket.js";
import { InputStream, isTyped, newClientId } from "./input-stream.js";

const PIECE = 32768; // bytes of input in one message; the server takes 64 KiB
const STEADY = 2000; // milliseconds after which a connection counts as good: the next attempt comes soon
const SILENT = 40000; // milliseconds; the keeper pings every ten seconds
const ENDED = 1000;
const LOGGED_OUT = 4401;
const LAGGED = 4408;

const LOGGED_OUT_TEXT = "You are logged out. Get a new address with: dvm web --url";
const CONNECTION_LOST = "Connection lost. What you type is kept. Retrying";
const OVERRUN = "The program does not read its input. Some input was lost.";
const FULL = "Connection lost. More was typed than can be kept: the last input is dropped. Retrying";
const NOT_SENT = "What you typed while the connection was lost was not sent.";
const encoder = new TextEncoder();

export class Link {
  /** `term` is an xterm; `ticketUrl` issues tickets for `id`, or for a new terminal of `command` where `id` is "". */
  constructor(term, { ticketUrl, csrf, id, command, on, shape }) {
    Object.assign(this, { term, ticketUrl, csrf, id, command, on });
    this.size = { cols: term.cols, rows: term.rows }; // what this window can show
    this.isSeen = true;
    this.tries = 0;
    this.acks = new Acknowledgements((at) => this.control({ do: "ack", at }));
    this.begin();
    term.onData((text) => this.type(shape(text)));
    term.onBinary((text) => this.isReady() && this.send(Uint8Array.from(text, (one) => one.charCodeAt(0))));
  }

  /** The state before the first attach. */
  begin() {
    this.received = null; // offset of the next byte from the server; null: start with the oldest
    this.acks.jump(0);
    this.replayUntil = 0; // bytes before this offset were shown before: their queries are not answered again
    this.isReplaying = false;
    this.drawing = 0; // chunks that xterm has not drawn yet
    this.isOver = false;
    this.exitMessage = this.ws = this.openedAt = null;
    this.clientId = newClientId();
    this.input = new InputStream();
  }

  async connect() {
    clearTimeout(this.timer);
    if (this.isOver || this.isConnecting || this.isOpen()) return;
    this.isConnecting = true;
    try {
      const answer = await this.requestTicket();
      if (answer && !this.isOver) this.openSocket(answer);
    } catch {
      this.wait(); // the dashboard does not respond
    } finally {
      this.isConnecting = false;
    }
  }

  /** A ticket, or null: then the reason was reported, or a retry is scheduled. */
  async requestTicket() {
    const wanted = { id: this.id, command: this.command, ...this.size };
    const { ticket, isOut, refusal } = await requestTicket(this.ticketUrl, this.csrf, wanted);
    if (ticket) return ticket;
    if (isOut) this.end("out", LOGGED_OUT_TEXT);
    else if (refusal) this.end(refusal.isGone ? "over" : "failed", refusal.text, refusal.how);
    else this.wait();
    return null;
  }

  openSocket({ id, ticket, socket }) {
    this.id = id;
    const query = new URLSearchParams({ ticket, client_id: this.clientId, ...(this.isSeen ? this.size : {}) });
    if (this.received !== null) query.set("from", this.received);
    const address = new URL(`${socket}?${query}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const ws = new WebSocket(address);
    ws.binaryType = "arraybuffer";
    ws.onmessage = (event) => {
      if (ws !== this.ws) return;
      this.heardAt = performance.now();
      if (typeof event.data === "string") this.receive(JSON.parse(event.data));
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

  receive(message) {
    if (message.is === "attached") this.attached(message);
    else if (message.is === "skipped") this.skipped(message);
    else if (message.is === "size") this.on.size(message);
    else if (message.is === "ping") this.control({ do: "pong" });
    else if (message.is === "overrun") this.on.notice(OVERRUN);
    else if (message.is === "exit") this.exitMessage = message;
  }

  attached(message) {
    const isFirst = this.received === null;
    if (message.reset) this.draw("", () => this.term.reset()); // after what is still to be drawn
    if (message.cut) this.draw(beforeReplay(message.modes));
    this.jump(message.from);
    this.replayUntil = message.replay;
    this.isReplaying = message.replay > message.from;
    this.openedAt = performance.now();
    this.isAttached = true;
    if (!this.isSeen) this.control({ do: "away" });
    this.on.attached(message);
    this.on.size(message);
    this.on.state("open", "");
    this.resume(message, isFirst || !message.reset);
    this.flush();
  }

  /** Send the missing input again, unless the screen was reset: it was meant for the old one. */
  resume({ typed }, isSame) {
    const pending = this.input.pending;
    const lost = this.input.resume(typed);
    if (!isSame) this.input.start(this.input.sent);
    this.isFull = false;
    if (lost || (!isSame && pending)) this.on.notice(NOT_SENT);
  }

  skipped({ from, modes }) {
    this.draw(between(modes));
    this.jump(from);
    if (from >= this.replayUntil) this.replayed();
  }

  /** The next byte is at `offset`; a gap before it counts as shown. */
  jump(offset) {
    this.received = offset;
    this.acks.jump(offset);
  }

  show(bytes) {
    this.received += bytes.length;
    const upTo = this.received;
    const ws = this.ws;
    this.draw(bytes, () => {
      if (ws !== this.ws) return;
      if (this.isReplaying && upTo >= this.replayUntil) this.replayed();
      this.acks.add(upTo);
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
    this.flush();
  }

  // -- to the terminal --------------------------------------------------------------------------------------------

  /** Is it attached, past the replay, and ready for input? */
  isReady() {
    return this.ws?.readyState === WebSocket.OPEN && this.isAttached && !this.isReplaying;
  }

  type(text) {
    if (this.isReady()) this.send(encoder.encode(text));
    else if (!this.isOver && isTyped(text, this.drawing > 0 || this.isReplaying)) {
      if (this.input.hold(encoder.encode(text)) || !this.openedAt) return;
      this.isFull = true; // until it is connected again
      this.on.notice(FULL);
    }
  }

  send(bytes) {
    this.input.add(bytes);
    this.flush();
  }

  flush() {
    if (!this.isReady()) return;
    const bytes = this.input.take();
    for (let at = 0; at < bytes.length; at += PIECE) this.ws.send(bytes.slice(at, at + PIECE));
  }

  control(message) {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(message));
  }

  resize(size) {
    this.size = size;
    if (this.isSeen) this.control({ do: "resize", ...size });
  }

  /** It was hidden, or is visible again. */
  seen(isSeen) {
    this.isSeen = isSeen;
    if (isSeen && !this.isOpen()) this.retryNow();
    else if (isSeen) this.resize(this.size);
    else this.control({ do: "away" });
  }

  // -- end and reconnect -------------------------------------------------------------------------------------------

  /** Check whether the connection is alive; after the computer slept it often is not. */
  check(hasSlept) {
    if (this.isOver || this.id === "" || this.isConnecting) return;
    const isSilent = performance.now() - this.heardAt > SILENT;
    if (this.isOpen() && isSilent) this.drop();
    else if (!this.isOpen() && hasSlept) this.retryNow();
  }

  /** Give up a silent connection; its own close event may take minutes. */
  drop() {
    const { ws } = this;
    this.ws = null;
    ws.close();
    this.closed(0);
  }

  closed(code) {
    this.isAttached = this.isReplaying = false;
    if (performance.now() - (this.openedAt ?? Infinity) > STEADY) this.tries = 0;
    if (this.exitMessage) this.ended(this.exitMessage);
    else if (code === LOGGED_OUT) this.end("out", LOGGED_OUT_TEXT);
    else if (code === ENDED) this.ended({ reason: "The terminal ended." });
    else if (code === LAGGED && !this.isSeen) this.on.state("waiting", "Paused while hidden.");
    else this.wait();
  }

  wait() {
    this.on.state("waiting", this.isFull ? FULL : CONNECTION_LOST);
    this.count(performance.now() + retryDelay(this.tries++));
  }

  /** Report the remaining seconds until `due`, then connect. */
  count(due) {
    const left = due - performance.now();
    const seconds = Math.max(0, Math.ceil(left / 1000));
    this.on.countdown(seconds);
    if (seconds === 0) this.connect();
    else this.timer = setTimeout(() => this.count(due), left - (seconds - 1) * 1000);
  }

  retryNow() {
    this.tries = 0;
    this.connect();
  }

  ended({ reason, why = "ended", code }) {
    const text = this.input.pending ? `${reason} ${NOT_SENT}` : reason;
    this.end("over", text, { why, code });
  }

  end(kind, text, how = {}) {
    this.isOver = true;
    this.on.state(kind, text, how);
  }

  /** Continue with a new terminal in the same window; no pending input of the old one is sent there. */
  renew() {
    this.term.reset(); // a program that died may have left mouse reporting on
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
