// How a person likes terminals: kept in this browser, the same in all its tabs. No secret is among them.
// [data-terminal-settings] holds input[data-setting], [data-size="-1"|"1"], [data-size-now]

const KEY = "dvm-terminal";
const SMALLEST = 9;
const LARGEST = 28;
const USUAL = {
  size: 14,
  copy: false, // what is selected, at once
  reader: false, // xterm tells a screen reader what it draws
  bell: false, // a notice of the system
  keys: matchMedia("(pointer: coarse)").matches, // the bar of keys that a telephone lacks
};

const within = (size) => Math.min(LARGEST, Math.max(SMALLEST, size));

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const known = Object.entries(USUAL).filter(([name, usual]) => typeof kept[name] === typeof usual);
    return { ...USUAL, ...Object.fromEntries(known.map(([name]) => [name, kept[name]])) };
  } catch {
    return { ...USUAL }; // storage is switched off, or somebody else wrote there
  }
}

export class Settings extends EventTarget {
  constructor(place) {
    super();
    this.place = place;
    this.now = read();
    this.show();
    place.addEventListener("change", ({ target }) => target.dataset.setting && this.set(target.dataset.setting, target.checked));
    for (const button of place.querySelectorAll("[data-size]")) {
      button.addEventListener("click", () => this.resize(Number(button.dataset.size)));
    }
    addEventListener("storage", (event) => {
      if (event.key !== KEY && event.key !== null) return;
      this.now = read(); // another tab changed it
      this.tell();
    });
  }

  async set(name, value) {
    if (name === "bell" && value) value = await mayNotify();
    this.now = { ...this.now, [name]: value };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.now));
    } catch {
      // It holds for this page.
    }
    this.tell();
  }

  /** The letters larger (1) or smaller (-1); 0: as they were at first. */
  resize(step) {
    const size = step ? this.now.size + step : USUAL.size;
    return this.set("size", within(size));
  }

  tell() {
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  show() {
    for (const box of this.place.querySelectorAll("[data-setting]")) box.checked = this.now[box.dataset.setting];
    this.place.querySelector("[data-size-now]").textContent = `${this.now.size}`;
    for (const button of this.place.querySelectorAll("[data-size]")) {
      const next = this.now.size + Number(button.dataset.size);
      button.setAttribute("aria-disabled", `${within(next) !== next}`); // not `disabled`, which takes the focus away
    }
  }
}

/** May a notice of the system be shown? Asks for it where that is not decided. */
async function mayNotify() {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}
