// The terminal page: creates its parts, connects them and draws their state.
// [data-terminal] with data-vm, -id, -nonce, -csrf, -ticket, -upload, -page, -terminals, -ports; [data-terminal-room],
// [data-terminal-bar], [data-terminal-rename], [data-terminal-upload], [data-terminal-reset], [data-terminal-full], [data-terminal-close],
// [data-terminal-search], [data-terminal-settings], [data-terminal-keys]; what ended.js and others draw.

import { close, rename } from "./actions.js";
import { notify, titleOf } from "./bell.js";
import { askFor } from "./dialogs.js";
import { drawEnd, moveFocus } from "./ended.js";
import { drawClip, onClip } from "./clipboard.js";
import { FullScreen } from "./full-screen.js";
import { KeyBar, listenToKeys } from "./keyboard/page-keys.js";
import { openLink, portsOf } from "./links.js";
import { Panes } from "./panes.js";
import { markStyles, paste } from "./safety.js";
import { Settings } from "./settings.js";
import { confirmClose } from "./close-guard.js";
import { Tabs } from "./tabs.js";
import { acceptFiles } from "./upload.js";

const find = (name) => document.querySelector(`[data-terminal-${name}]`);

function searchIn(panes) {
  const field = find("search");
  field.addEventListener("keydown", (event) => {
    const { search } = panes.shown;
    if (event.key === "Escape") panes.shown.focus();
    if (event.key !== "Enter") return;
    const isFound = event.shiftKey ? search.findPrevious(field.value) : search.findNext(field.value);
    panes.shown.say(isFound || !field.value ? "" : "Not found.");
  });
  field.addEventListener("input", () => panes.shown.search.findNext(field.value, { incremental: true }));
}

/** Close the shown terminal and show the next one. The last one stays on screen. */
async function closeShown(panes, tabs) {
  const pane = panes.shown;
  const button = find("close");
  button.disabled = true;
  const isClosed = await close(panes.page, pane, tabs.isListed(pane));
  button.disabled = false;
  const next = tabs.beside(pane, 1);
  if (isClosed && next) {
    panes.open(next).focus();
    if (panes.shown !== pane) panes.forget(pane);
  } else pane.focus();
  window.htmx?.trigger("#terminal-tabs", "dvm:refresh");
}

function shortcuts(panes, tabs) {
  const { settings } = panes.page;
  const go = (step) => {
    const id = tabs.beside(panes.shown, step);
    if (id) tabs.go(id);
  };
  const copy = ({ term }) => term.hasSelection() && navigator.clipboard?.writeText(term.getSelection());
  return {
    KeyC: () => copy(panes.shown),
    KeyF: () => find("search").focus(),
    Space: () => (tabs.current() ?? find("rename")).focus(),
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    Period: () => settings.resize(1),
    Equal: () => settings.resize(1),
    NumpadAdd: () => settings.resize(1),
    Comma: () => settings.resize(-1),
    NumpadSubtract: () => settings.resize(-1),
    Digit0: () => settings.resize(0),
  };
}

function onButtons(panes, tabs) {
  const reset = () => (panes.shown.term.reset(), panes.shown.focus());
  const acts = {
    rename: () => rename(panes.page, panes.shown),
    reset,
    close: () => closeShown(panes, tabs),
    now: () => panes.shown.link.retryNow(),
    again: () => panes.shown.again(),
  };
  for (const [name, act] of Object.entries(acts)) find(name).addEventListener("click", act);
}

/** Accept files dropped on the shown terminal; its note shows the progress. */
function uploadFiles(place, panes) {
  let target = null;
  const say = (text, isBad) => {
    if (target && target !== panes.shown) target.say("");
    target = panes.shown;
    target.say(text, isBad ? "bad" : "");
  };
  const count = (text) => target?.update({ progress: text });
  const choose = acceptFiles(place, { ticketUrl: place.dataset.upload, csrf: place.dataset.csrf, say, count });
  find("upload").addEventListener("click", () => {
    panes.shown.focus(); // after the choice, keys go to the terminal
    choose();
  });
}

function draw(panes, vm) {
  const pane = panes.shown;
  if (!pane) return;
  document.title = titleOf(panes, vm);
  drawEnd(pane);
  drawClip(pane);
  find("rename").disabled = pane.kind !== "open";
}

function start(place) {
  const { vm, id, nonce, csrf, ticket, terminals, page: address } = place.dataset;
  markStyles(nonce);
  document.body.classList.add("terminal-page");
  for (const hidden of document.querySelectorAll("[data-terminal-bar], [data-terminal]")) hidden.hidden = false;
  const settings = new Settings(find("settings"));
  const open = (text) => openLink(text, { vm, ports: portsOf(place.dataset.ports) });
  const page = { place, vm, csrf, ticket, terminals, address, settings, open };
  const panes = new Panes(page);
  const pasteText = async () => paste(panes.shown.term, await askFor("Paste", "Enter the text to paste.", "Paste", { isLong: true }));
  const bar = new KeyBar(find("keys"), panes, pasteText);
  page.shape = (text) => bar.shape(text);
  const tabs = new Tabs(panes, { rename: () => rename(page, panes.shown) });
  listenToKeys(find("room"), shortcuts(panes, tabs));
  const showKeys = () => (find("keys").hidden = !settings.now.keys);
  settings.addEventListener("change", showKeys);
  showKeys();
  new FullScreen(find("room"), find("full"), () => panes.shown.focus());
  searchIn(panes);
  onButtons(panes, tabs);
  uploadFiles(place, panes);
  onClip(panes);
  confirmClose(panes, settings);
  panes.addEventListener("change", () => draw(panes, vm));
  panes.addEventListener("bell", (event) => notify(panes, event.detail, vm));
  panes.addEventListener("state", (event) => {
    window.htmx?.trigger("#terminal-tabs", "dvm:refresh");
    if (event.detail === panes.shown) moveFocus(event.detail);
  });
  document.addEventListener("htmx:afterSwap", () => draw(panes, vm)); // the new tabs may need attention
  Object.defineProperties(place, {
    // for tests
    panes: { value: panes },
    terminal: { get: () => panes.shown?.term },
    link: { get: () => panes.shown?.link },
  });
  const isFree = document.activeElement === document.body;
  const pane = panes.open(id);
  if (isFree) pane.focus();
}

const place = document.querySelector("[data-terminal]");
if (place) start(place);
