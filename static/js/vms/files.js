// Uploads into the folder that the page shows. [data-files] with data-csrf, -ticket, -folder; in it [data-files-choose],
// [data-files-note].

import { acceptFiles } from "../terminals/upload.js";

const ready = new WeakSet();

export function refresh() {
  for (const panel of document.querySelectorAll("[data-files]")) {
    if (ready.has(panel)) continue;
    ready.add(panel);
    start(panel);
  }
}

function start(panel) {
  const note = panel.querySelector("[data-files-note]");
  let text = "";
  const choose = acceptFiles(panel, {
    ticketUrl: panel.dataset.ticket,
    csrf: panel.dataset.csrf,
    folder: panel.dataset.folder,
    say: (now, isBad) => {
      text = now;
      note.textContent = now;
      note.classList.toggle("bad", Boolean(isBad));
    },
    count: (part) => (note.textContent = part ? `${text} ${part}` : text),
    done: () => reload(panel),
  });
  panel.querySelector("[data-files-choose]").addEventListener("click", choose);
}

/** Show the new files, and keep what the note says. */
function reload(panel) {
  const table = panel.querySelector("table");
  if (!table || !window.htmx) return location.reload();
  window.htmx.ajax("GET", location.href, { target: table, select: "#vm-files table", swap: "outerHTML" });
}
