// Starts each behaviour on the page, and again on what htmx brings in.
// A behaviour is a module with once(), for what listens on the document, and refresh(), for what has to be set on
// elements that are new; refresh() may run at any time and any number of times. Which data- attributes a behaviour
// looks for stands at its top. Pages are complete without any of this.

import * as answer from "./answer.js";
import * as attention from "./attention.js";
import * as confirmTypedName from "./confirm-typed-name.js";
import * as copy from "./copy.js";
import * as forms from "./forms.js";
import * as keyboard from "./keyboard.js";
import * as liveErrors from "./live-errors.js";
import * as log from "./log.js";
import * as menus from "./menus.js";
import * as poll from "./poll.js";
import * as search from "./search.js";
import * as theme from "./theme.js";
import * as twoSides from "./two-sides.js";

// twoSides comes before poll, which remembers an answer as put in place unless somebody kept it out.
const BEHAVIOURS = [theme, keyboard, search, copy, forms, confirmTypedName, menus, twoSides, poll, liveErrors, log, attention, answer];

function refresh() {
  for (const hidden of document.querySelectorAll("[data-needs-script][hidden]")) hidden.hidden = false;
  for (const behaviour of BEHAVIOURS) behaviour.refresh?.();
}

for (const behaviour of BEHAVIOURS) behaviour.once?.();
refresh();
// afterSwap comes before the paint: what was hidden or chosen stays so without a flicker.
document.addEventListener("htmx:afterSwap", refresh);
document.documentElement.dataset.script = "on";
