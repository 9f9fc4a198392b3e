// A terminal's page: makes the xterm, ties it to its link, and tells how things stand.
// [data-terminal] with data-vm, -id, -nonce, -csrf, -ticket, -upload, -page, -terminals; [data-terminal-bar],
// [data-terminal-note], [data-terminal-wait], [data-terminal-now], [data-terminal-new], [data-terminal-upload],
// [data-terminal-reset], [data-terminal-close], [data-terminal-search], [data-terminal-end].

import { FitAddon } from "../vendor/xterm/addon-fit.mjs";
import { SearchAddon } from "../vendor/xterm/addon-search.mjs";
import { Unicode11Addon } from "../vendor/xterm/addon-unicode11.mjs";
import { WebLinksAddon } from "../vendor/xterm/addon-web-links.mjs";
import { WebglAddon } from "../vendor/xterm/addon-webgl.mjs";
import { Terminal } from "../vendor/xterm/xterm.mjs";
import { Link } from "./terminal-link.js";
import { guardDrop } from "./terminal-upload.js";
import { ask, guardPaste, markStyles, openLink, plainTitle } from "./terminal-safety.js";

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const SMALLER = "As small as the smallest window that shows this terminal.";
const SETTLE = 80; // milliseconds after the last change of the window's size

const find = (name) => document.querySelector(`[data-terminal-${name}]`);

function themeOf(styles) {
  const value = (name) => styles.getPropertyValue(`--${name}`).trim();
  const theme = { background: value("log"), foreground: value("log-ink"), cursor: value("log-ink"), cursorAccent: value("log") };
  COLOURS.forEach((name, index) => {
    theme[name] = value(`ansi-${index}`);
    theme[`bright${name[0].toUpperCase()}${name.slice(1)}`] = value(`ansi-${index + 8}`);
  });
  return { ...theme, selectionBackground: "#4a6f78" };
}

function makeTerminal(place) {
  const styles = getComputedStyle(document.documentElement);
  const term = new Terminal({
    allowProposedApi: true, // the unicode add-on registers its widths there; it opens nothing to the guest
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    fontFamily: styles.getPropertyValue("--mono").trim(),
    fontSize: 14,
    scrollback: 10000,
    logLevel: "off", // else noise of the guest fills the browser's console
    linkHandler: { activate: (_event, text) => openLink(text), allowNonHttpProtocols: false },
    minimumContrastRatio: 4.5,
    theme: themeOf(styles),
    windowOptions: {},
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  for (const addon of [fit, search, new Unicode11Addon(), new WebLinksAddon((_event, text) => openLink(text))]) term.loadAddon(addon);
  term.unicode.activeVersion = "11";
  term.open(place);
  drawFast(term);
  return { term, fit, search };
}

/** Draw by WebGL where it works; xterm draws with elements where it does not, or stops working. */
function drawFast(term) {
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    term.loadAddon(webgl);
  } catch {
    // no WebGL here
  }
}

/** The smallest window that looks at a terminal decides its size. */
function followSize(term, { is, cols, rows }, own) {
  term.resize(cols, rows);
  const note = find("note");
  const isSmaller = is === "size" && (cols < own.cols || rows < own.rows);
  if (isSmaller) note.textContent = SMALLER;
  else if (note.textContent === SMALLER) note.textContent = "";
}

function follow(place, fit, link) {
  let timer = 0;
  const measure = () => {
    const size = fit.proposeDimensions();
    if (size && size.cols > 1 && size.rows > 1) link.resize({ cols: size.cols, rows: size.rows });
  };
  new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(measure, SETTLE);
  }).observe(place);
  document.fonts?.ready.then(measure);
}

function showTitle(term, vm) {
  let waiting = "";
  let isDue = false;
  const draw = () => {
    isDue = false;
    document.title = waiting ? `${vm}: ${waiting} · dvm` : `${vm} · terminal · dvm`;
  };
  term.onTitleChange((title) => {
    waiting = plainTitle(title);
    if (!isDue) isDue = Boolean(requestAnimationFrame(draw));
  });
}

function listenToKeys(term, search) {
  const field = find("search");
  const keys = {
    KeyC: () => term.hasSelection() && navigator.clipboard?.writeText(term.getSelection()),
    KeyF: () => field.focus(),
    Space: () => find("new").focus(),
  };
  term.attachCustomKeyEventHandler((event) => {
    const act = event.ctrlKey && event.shiftKey && !event.altKey ? keys[event.code] : undefined;
    if (!act) return true;
    event.preventDefault();
    if (event.type === "keydown") act();
    return false;
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") term.focus();
    if (event.key !== "Enter") return;
    if (event.shiftKey) search.findPrevious(field.value);
    else search.findNext(field.value);
  });
  field.addEventListener("input", () => search.findNext(field.value, { incremental: true }));
}

function tellState(place, term) {
  const tones = { over: "", open: "", waiting: "", out: "bad", failed: "bad" };
  return (kind, text) => {
    const note = find("note");
    const isFree = [document.body, find("now")].includes(document.activeElement);
    note.textContent = text;
    note.dataset.tone = tones[kind];
    if (kind !== "waiting") hideCount();
    const isOver = kind === "over" || kind === "failed";
    find("end").hidden = !isOver;
    find("close").disabled = kind !== "open";
    window.htmx?.trigger("#terminal-tabs", "dvm:refresh");
    if (isOver && place.contains(document.activeElement)) find("again").focus();
    if (kind === "open" && isFree) term.focus();
  };
}

/** How long until the next try; not in the note, which a screen reader would read out each second. */
function showCount(seconds) {
  find("wait").textContent = seconds ? `in ${seconds} s.` : "now.";
  find("now").hidden = false;
}

function hideCount() {
  find("wait").textContent = "";
  find("now").hidden = true;
}

function tellUpload(text, isBad) {
  find("note").textContent = text;
  find("note").dataset.tone = isBad ? "bad" : "";
}

const tellCount = (text) => (find("wait").textContent = text);

async function closeTerminal(place, link) {
  const isMeant = await ask("Close this terminal?", "What runs in it is ended. The VM goes on.", "Close terminal", "danger");
  if (!isMeant) return;
  const body = new URLSearchParams({ csrf: place.dataset.csrf });
  const address = `${place.dataset.terminals}/${link.id}/close`;
  await fetch(address, { method: "POST", body, redirect: "manual", headers: { "X-CSRF-Token": place.dataset.csrf } });
}

function start(place) {
  const { vm, id, nonce, csrf, ticket, page } = place.dataset;
  markStyles(nonce);
  document.body.classList.add("terminal-page");
  for (const hidden of document.querySelectorAll("[data-terminal-bar], [data-terminal]")) hidden.hidden = false;
  const { term, fit, search } = makeTerminal(place);
  const on = {
    attached: (now) => {
      history.replaceState(null, "", `${page}?id=${now.id}`); // a reload comes back to this terminal
      if (now.cut) find("note").textContent = "Older output was left out.";
    },
    state: tellState(place, term),
    counts: showCount,
    size: (size) => followSize(term, size, link.size),
    overrun: () => (find("note").textContent = "That was too much at once: the program does not read. Some input is lost."),
  };
  fit.fit();
  const link = new Link(term, { ticketUrl: ticket, csrf, id, on });
  guardPaste(place, term);
  showTitle(term, vm);
  listenToKeys(term, search);
  follow(place, fit, link);
  const chooseFiles = guardDrop(place, { ticketUrl: place.dataset.upload, csrf, say: tellUpload, count: tellCount });
  find("upload").addEventListener("click", chooseFiles);
  find("new").addEventListener("click", () => window.open(page, "_blank", "noopener"));
  find("reset").addEventListener("click", () => (term.reset(), term.focus()));
  find("close").addEventListener("click", () => closeTerminal(place, link));
  find("now").addEventListener("click", () => link.retryNow());
  find("again").addEventListener("click", () => link.renew().then(() => term.focus()));
  document.addEventListener("visibilitychange", () => link.seen(!document.hidden));
  for (const [whose, name] of [[window, "online"], [document, "dvm:answers"]]) {
    whose.addEventListener(name, () => link.isOpen() || link.retryNow());
  }
  window.addEventListener("pagehide", (event) => event.persisted || link.leave());
  Object.assign(place, { terminal: term, link }); // for tests, which look at the screen
  link.connect();
  if (document.activeElement === document.body) term.focus();
}

const place = document.querySelector("[data-terminal]");
if (place) start(place);
