// The xterm of a terminal: its parts, its colours in both themes, and how it is drawn.

import { FitAddon } from "../vendor/xterm/addon-fit.mjs";
import { SearchAddon } from "../vendor/xterm/addon-search.mjs";
import { Unicode11Addon } from "../vendor/xterm/addon-unicode11.mjs";
import { WebLinksAddon } from "../vendor/xterm/addon-web-links.mjs";
import { WebglAddon } from "../vendor/xterm/addon-webgl.mjs";
import { Terminal } from "../vendor/xterm/xterm.mjs";

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const isDark = matchMedia("(prefers-color-scheme: dark)");

/** The value that a name has in the theme of now. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
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

/** Call `act` with the colours of each new theme, the page's own or the system's. */
export function onTheme(act) {
  const tell = () => act(themeNow());
  isDark.addEventListener("change", tell);
  new MutationObserver(tell).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

/** An xterm in `place`; `open` opens a link that was clicked. */
export function makeScreen(place, settings, open) {
  const term = new Terminal({
    allowProposedApi: true, // the unicode add-on registers its widths there; it opens nothing to the guest
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono").trim(),
    scrollback: 10000,
    logLevel: "off", // else noise of the guest fills the browser's console
    linkHandler: { activate: (_event, text) => open(text), allowNonHttpProtocols: false },
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

/** What of the settings is xterm's. */
export const optionsOf = ({ size, reader }) => ({ fontSize: size, screenReaderMode: reader });

/** Draws by WebGL while it is seen: a browser has room for few of them. Elements where it does not work, or stops. */
export class Brush {
  constructor(term) {
    this.term = term;
    this.works = true;
  }

  start() {
    if (this.webgl || !this.works) return;
    try {
      this.webgl = new WebglAddon();
      this.webgl.onContextLoss(() => {
        this.works = false;
        this.stop();
      });
      this.term.loadAddon(this.webgl);
    } catch {
      this.webgl = null; // no WebGL here
      this.works = false;
    }
  }

  stop() {
    const { webgl } = this;
    this.webgl = null;
    webgl?.dispose();
  }
}
