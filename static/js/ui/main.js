// Starts each behaviour on the page, and again on content that htmx inserts.
// A behaviour is a module with once(), which adds listeners to the document, and refresh(), which sets up new
// elements and can run any number of times. Its data- attributes are listed at the top of each module. Pages work
// without any of this.

import * as answer from "./tab-title.js";
import * as attention from "../attention/needs.js";
import * as confirmTypedName from "../deletion/confirm-typed-name.js";
import * as copy from "./copy.js";
import * as ended from "../jobs/ended.js";
import * as files from "../vms/files.js";
import * as fill from "../form/fill.js";
import * as formKeys from "../form/keys.js";
import * as forms from "./forms.js";
import * as keyboard from "./shortcuts.js";
import * as liveErrors from "../form/live-errors.js";
import * as menus from "./menus.js";
import * as palette from "./palette.js";
import * as poll from "./poll.js";
import * as search from "../list/search.js";
import * as selection from "../list/selection.js";
import * as table from "../list/table.js";
import * as theme from "./theme.js";
import * as verbKeys from "../tabs/verb-keys.js";
import * as twoSides from "../form/two-way.js";

// twoSides comes before poll, which records an answer as shown unless another behaviour prevented the swap.
const BEHAVIOURS = [theme, selection, keyboard, search, table, copy, forms, confirmTypedName, menus, twoSides, poll, liveErrors, formKeys, fill, ended, attention, files, palette, verbKeys, answer];

// Large behaviours of few pages: each is loaded when its part is on the page.
const RARE = new Map([
  ["[data-log]", "../jobs/log.js"],
  ["[data-editor]", "./editor.js"],
  ["[data-recipe]", "../form/recipes.js"],
  ["[data-filter-rows]", "../recipes/filter.js"],
  ["[data-log-view]", "../tabs/logs.js"],
]);

async function load(path) {
  const behaviour = await import(path);
  BEHAVIOURS.unshift(behaviour); // tab-title stays the last
  behaviour.once?.();
  behaviour.refresh?.();
}

function refresh() {
  for (const [part, path] of RARE) {
    if (document.querySelector(part)) {
      RARE.delete(part);
      load(path);
    }
  }
  for (const hidden of document.querySelectorAll("[data-needs-script][hidden]")) hidden.hidden = false;
  for (const behaviour of BEHAVIOURS) behaviour.refresh?.();
}

for (const behaviour of BEHAVIOURS) behaviour.once?.();
refresh();
// afterSwap runs before the paint, so nothing flickers.
document.addEventListener("htmx:afterSwap", refresh);
document.addEventListener("dvm:swapped", refresh);
document.documentElement.dataset.script = "on";
