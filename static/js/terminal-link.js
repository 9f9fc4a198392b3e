// The line between one xterm and one terminal of the keeper: tickets, the socket, acknowledged bytes, and coming back.
// Knows nothing of the page; tells what happens through `on`:
//   attached({id, reset, cut})  state("open"|"waiting"|"over"|"out"|"failed", text)  size({cols, rows})  overrun()
//   counts(seconds)  until the next try; 0: it tries now

const ACK_EVERY = 65536; // bytes shown
const ACK_AFTER = 40; // milliseconds, for what is less
const PIECE = 32768; // bytes of input in one message; the server takes 64 KiB
const MOST_EARLY = 4096; // bytes typed before the first attach
const LONGEST_WAIT = 15000;
const ENDED = 1000;
const LOGGED_OUT = 4401;
const LAGGED = 4408;

const LOGGED_OUT_WORDS = "You are logged out. Get a new address with: dvm web --url";

const encoder = new TextEncoder();

/** How long to wait before try number `tries`: longer each time, and never the same for two tabs. */
export function patience(tries, random = Math.random()) {
  return Math.min(LONGEST_WAIT, 500 * 2 ** tries) * (0.5 + random);
}

export class Link {
  /** `term` is an xterm; `ticketUrl` gives tickets for `id`, or for a new terminal where it is "". */
  constructor(term, { ticketUrl, csrf, id, on }) {
    Object.assign(this, { term, ticketUrl, csrf, id, on });
    this.size = { cols: term.cols, rows: term.rows }; // what this window can show
    this.received = null; // offset of the next byte from the server; null: begin with the oldest
    this.shown = 0; // offset up to which xterm has drawn
    this.acked = 0;
    this.replayUntil = 0; // up to here bytes were shown before: what they ask is not answered again
    this.isReplaying = false;
    this.tries = 0;
    this.isOver = false;
    // What is typed until the first attach. Nothing of the guest is on the screen yet, so xterm answers nothing: all
    // of it is a person's. null from then on, and once the connection is gone.
    this.early = [];
    term.onData((text) => this.type(encoder.encode(text)));
    term.onBinary((text) => this.type(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  }

  async connect() {
    clearTimeout(this.timer);
    if (this.isOver || this.isConnecting || this.isOpen()) return;
    this.isConnecting = true;
    try {
      const answer = await this.askForTicket();
      if (answer) this.openSocket(answer);
    } catch {
      this.wait(); // the dashboard does not answer
    } finally {
      this.isConnecting = false;
    }
  }

  async askForTicket() {
    const body = new URLSearchParams({ csrf: this.csrf, id: this.id, ...this.size });
    const response = await fetch(this.ticketUrl, { method: "POST", body, headers: { "X-CSRF-Token": this.csrf } });
    const said = await response.json().catch(() => null);
    if (response.ok && said) return said;
    // An answer without JSON is the guard's: no session any more, or another secret path since "log out everywhere".
    if (!said && [401, 403, 404].includes(response.status)) this.end("out", LOGGED_OUT_WORDS);
    else if (said) this.end(response.status === 404 && this.id ? "over" : "failed", `${said.what} ${said.todo}`.trim());
    else this.wait();
    return null;
  }

  openSocket({ id, ticket, socket }) {
    this.id = id;
    const query = new URLSearchParams({ ticket, ...this.size });
    if (this.received !== null) query.set("from", this.received);
    const address = new URL(`${socket}?${query}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const ws = new WebSocket(address);
    ws.binaryType = "arraybuffer";
    ws.onmessage = (event) => {
      if (ws !== this.ws) return;
      if (typeof event.data === "string") this.hear(JSON.parse(event.data));
      else this.show(new Uint8Array(event.data));
    };
    ws.onclose = (event) => ws === this.ws && this.closed(event.code);
    this.ws = ws;
  }

  isOpen() {
    return this.ws?.readyState === WebSocket.OPEN || this.ws?.readyState === WebSocket.CONNECTING;
  }

  // -- from the terminal ------------------------------------------------------------------------------------------

  hear(message) {
    if (message.is === "attached") this.attached(message);
    else if (message.is === "skipped") this.jump(message.from);
    else if (message.is === "size") this.on.size(message);
    else if (message.is === "ping") this.say({ do: "pong" });
    else if (message.is === "overrun") this.on.overrun();
    else if (message.is === "exit") this.lastWords = message;
  }

  attached(message) {
    if (message.reset) this.term.write("", () => this.term.reset()); // behind what still waits to be drawn
    this.jump(message.from);
    this.replayUntil = message.replay;
    this.isReplaying = message.replay > message.from;
    this.openedAt = performance.now();
    if (document.hidden) this.say({ do: "away" });
    this.on.attached({ id: this.id, reset: message.reset, cut: message.cut });
    this.on.size(message);
    this.on.state("open", "");
    const early = this.early;
    this.early = null;
    if (early?.length) this.ws.send(Uint8Array.from(early));
  }

  /** The next byte is that of `offset`; a gap before it counts as shown. */
  jump(offset) {
    this.received = this.shown = this.acked = offset;
  }

  show(bytes) {
    this.received += bytes.length;
    const upTo = this.received;
    const ws = this.ws;
    this.term.write(bytes, () => {
      if (this.isReplaying && upTo >= this.replayUntil) this.isReplaying = false;
      if (ws !== this.ws) return;
      this.shown = Math.max(this.shown, upTo); // drawn late, before a gap: counted already
      this.ack();
    });
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

  type(bytes) {
    if (this.early) {
      if (this.early.length + bytes.length <= MOST_EARLY) this.early.push(...bytes);
      return;
    }
    if (this.isReplaying || this.ws?.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < bytes.length; at += PIECE) this.ws.send(bytes.subarray(at, at + PIECE));
  }

  say(message) {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(message));
  }

  resize(size) {
    this.size = size;
    if (!document.hidden) this.say({ do: "resize", ...size });
  }

  /** The window was hidden or is seen again. */
  seen(isSeen) {
    if (isSeen && !this.isOpen()) this.retryNow();
    else if (isSeen) this.resize(this.size);
    else this.say({ do: "away" });
  }

  // -- its end, and coming back -----------------------------------------------------------------------------------

  closed(code) {
    this.isReplaying = false;
    if (performance.now() - (this.openedAt ?? Infinity) > 10000) this.tries = 0;
    if (this.lastWords) this.end("over", this.lastWords.reason);
    else if (code === LOGGED_OUT) this.end("out", LOGGED_OUT_WORDS);
    else if (code === ENDED) this.end("over", "The terminal has ended.");
    else if (code === LAGGED && document.hidden) this.on.state("waiting", "Paused while this tab is hidden.");
    else this.wait();
  }

  wait() {
    this.early = null;
    this.on.state("waiting", "The connection is gone. Trying again");
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

  end(kind, text) {
    this.isOver = true;
    this.early = null;
    this.on.state(kind, text);
  }

  /** Go on with a new terminal in the same window. */
  renew() {
    this.term.reset(); // a program that died may have left the mouse on
    Object.assign(this, { id: "", received: null, shown: 0, acked: 0, isReplaying: false });
    Object.assign(this, { lastWords: null, isOver: false, tries: 0, ws: null });
    return this.connect();
  }

  leave() {
    this.isOver = true;
    this.ws?.close();
  }
}
