// The xterm of a terminal: its add-ons, its colours in both themes, and its renderer.

import { FitAddon } from "../../vendor/xterm/addon-fit.mjs";
import { SearchAddon } from "../../vendor/xterm/addon-search.mjs";
import { Unicode11Addon } from "../../vendor/xterm/addon-unicode11.mjs";
import { WebLinksAddon } from "../../vendor/xterm/addon-web-links.mjs";
import { WebglAddon } from "../../vendor/xterm/addon-webgl.mjs";
import { Terminal } from "../../vendor/xterm/xterm.mjs";

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const isDark = matchMedia("(prefers-color-scheme: dark)");
const isForced = matchMedia("(forced-colors: active)"); // high contrast: the page has the system's few colours

/** The value of a colour name in the current theme. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  probe.style.forcedColorAdjust = "none"; // a terminal with one colour cannot be read
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function themeNow() {
  const [background, foreground] = [colour("term"), colour("term-ink")];
  const theme = { background, foreground, cursor: foreground, cursorAccent: background };
  COLOURS.forEach((name, index) => {
    theme[name] = colour(`term-${index}`);
    theme[`bright${name[0].toUpperCase()}${name.slice(1)}`] = colour(`term-${index + 8}`);
  });
  return { ...theme, selectionBackground: colour("term-selected") };
}

/** Call `act` with the colours whenever the theme of the page or the system changes. */
export function onTheme(act) {
  const apply = () => act(themeNow());
  for (const query of [isDark, isForced]) query.addEventListener("change", apply);
  new MutationObserver(apply).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

/** Create an xterm in `place`; `open(text)` is called for a clicked link. */
export function makeScreen(place, settings, open) {
  const term = new Terminal({
    allowProposedApi: true, // for the Unicode add-on's widths; it gives the guest no access
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    scrollback: 10000,
    logLevel: "off", // otherwise guest output fills the browser's console
    linkHandler: { activate: (_event, text) => open(text), allowNonHttpProtocols: false },
    macOptionClickForcesSelection: true,
    minimumContrastRatio: 4.5,
    theme: themeNow(),
    windowOptions: {},
    ...optionsOf(settings),
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  for (const addon of [fit, search, new Unicode11Addon(), new WebLinksAddon((_event, text) => open(text))]) term.loadAddon(addon);
  term.unicode.activeVersion = "11";
  term.open(place);
  return { term, fit, search };
}

/** The user's font, with our own fonts as fallback for missing glyphs or a font that is not installed. */
function familyOf(font) {
  const usual = getComputedStyle(document.documentElement).getPropertyValue("--mono").trim();
  const named = font.split(",").map((name) => name.replace(/["'\\\p{C}]/gu, "").trim()).filter(Boolean);
  return [...named.map((name) => `"${name}"`), usual].join(", ");
}

/** The settings that are options of xterm. */
export const optionsOf = ({ size, reader, font, meta }) => ({
  fontSize: size,
  fontFamily: familyOf(font),
  screenReaderMode: reader,
  macOptionIsMeta: meta,
});

/** WebGL rendering while the terminal is visible (browsers limit the contexts); the DOM renderer where WebGL fails. */
export class Brush {
  constructor(term) {
    this.term = term;
    this.isSupported = true;
  }

  start() {
    if (this.webgl || !this.isSupported) return;
    try {
      this.webgl = new WebglAddon();
      this.webgl.onContextLoss(() => {
        this.isSupported = false;
        this.stop();
      });
      this.term.loadAddon(this.webgl);
    } catch {
      this.webgl = null;
      this.isSupported = false;
    }
  }

  stop() {
    const { webgl } = this;
    this.webgl = null;
    webgl?.dispose();
  }
}
