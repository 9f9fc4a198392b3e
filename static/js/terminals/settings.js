// The user's terminal settings, stored in this browser and shared by its tabs. They contain no secrets.
// [data-terminal-settings] holds input[data-setting], [data-size="-1"|"1"], [data-size-now], [data-font-note];
// [data-mac] is shown on a Mac only.

const KEY = "dvm-terminal";
const SMALLEST = 9;
const LARGEST = 28;
const LONGEST_FONT = 100;
const isMac = /^Mac/.test(navigator.platform);
const DEFAULTS = {
  size: 14,
  font: "", // an installed font family; "": ours
  meta: false, // Option acts as Meta instead of typing special characters
  stay: true, // confirm closing the page while something runs
  copy: false, // copy on select
  reader: false, // xterm's screen reader mode
  bell: false, // a system notification when a hidden terminal rings
  keys: matchMedia("(pointer: coarse)").matches, // the bar of keys that a phone lacks
};

const within = (size) => Math.min(LARGEST, Math.max(SMALLEST, size));

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const known = Object.entries(DEFAULTS).filter(([name, value]) => typeof kept[name] === typeof value);
    return { ...DEFAULTS, ...Object.fromEntries(known.map(([name]) => [name, kept[name]])) };
  } catch {
    return { ...DEFAULTS }; // storage is blocked, or its content is invalid
  }
}

export class Settings extends EventTarget {
  constructor(place) {
    super();
    this.place = place;
    this.now = read();
    for (const one of place.querySelectorAll("[data-mac]")) one.hidden = !isMac;
    this.show();
    place.addEventListener("change", ({ target }) => {
      const value = target.type === "checkbox" ? target.checked : target.value.trim().slice(0, LONGEST_FONT);
      if (target.dataset.setting) this.set(target.dataset.setting, value);
    });
    for (const button of place.querySelectorAll("[data-size]")) {
      button.addEventListener("click", () => this.resize(Number(button.dataset.size)));
    }
    addEventListener("storage", (event) => {
      if (event.key !== KEY && event.key !== null) return;
      this.now = read(); // another tab changed it
      this.changed();
    });
  }

  async set(name, value) {
    if (name === "bell" && value) value = await requestNotifications();
    this.now = { ...this.now, [name]: value };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.now));
    } catch {
      // storage is blocked: it applies to this page only
    }
    this.changed();
  }

  /** Make the font larger (1) or smaller (-1); 0: the default size. */
  resize(step) {
    const size = step ? this.now.size + step : DEFAULTS.size;
    return this.set("size", within(size));
  }

  changed() {
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  show() {
    for (const field of this.place.querySelectorAll("[data-setting]")) {
      const value = this.now[field.dataset.setting];
      if (field.type === "checkbox") field.checked = value;
      else if (field !== document.activeElement || !field.value) field.value = value;
    }
    this.place.querySelector("[data-font-note]").hidden = !this.now.font || isInstalled(this.now.font);
    this.place.querySelector("[data-size-now]").textContent = `${this.now.size}`;
    for (const button of this.place.querySelectorAll("[data-size]")) {
      const next = this.now.size + Number(button.dataset.size);
      button.setAttribute("aria-disabled", `${within(next) !== next}`); // `disabled` would lose the focus
    }
  }
}

/** Is a font family installed? Then text has another width than in the fallback font. */
function isInstalled(font) {
  const pen = document.createElement("canvas").getContext("2d");
  const width = (family) => {
    pen.font = `72px ${family}`;
    return pen.measureText("mmmiiil10@W").width;
  };
  const name = `"${font.split(",")[0].replace(/["\\]/g, "")}"`;
  return ["serif", "sans-serif"].some((fallback) => width(`${name}, ${fallback}`) !== width(fallback));
}

/** Request permission for system notifications; resolves to whether it is granted. */
async function requestNotifications() {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}
