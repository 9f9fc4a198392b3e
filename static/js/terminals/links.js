// Opens links of a guest, to the web or to a forwarded port: only after showing the address, never to the dashboard.

import { ask } from "./dialogs.js";

const WEB = /^https?:$/;
const LOOPBACK = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]+\]|\[::ffff:0:0\])$/;
const USUAL = { "http:": "80", "https:": "443" };

function parse(text) {
  try {
    const url = new URL(text);
    return WEB.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

const isLoopback = (host) => LOOPBACK.test(host.replace(/\.$/, ""));
const isHere = (host) => isLoopback(host) || host.replace(/\.$/, "").endsWith(".localhost");

const portOf = ({ port, protocol }) => port || USUAL[protocol];

/** Where a link leads: {address} to open, {port} of the guest that is not forwarded, {isOurs}, or null for no web link.
 *  `ports` maps guest ports to host ports. */
export function target(text, { vm, ports, here }) {
  const url = parse(text);
  if (!url) return null;
  if (isLoopback(url.hostname)) {
    const port = portOf(url);
    if (!ports.has(port)) return { port };
    url.username = url.password = "";
    url.hostname = `${vm}.localhost`;
    url.port = ports.get(port);
    return { address: url.href };
  }
  const isOurHost = url.hostname === here.hostname || isHere(url.hostname);
  const isOurs = isOurHost && portOf(url) === portOf(here);
  return isOurs ? { isOurs } : { address: url.href };
}

/** "GUEST:HOST ..." as a map. */
export const portsOf = (text) => new Map(text.split(" ").filter(Boolean).map((pair) => pair.split(":")));

/** Open a link of the guest once the user has confirmed its address; the new page has no access to this one. */
export async function openLink(text, { vm, ports }) {
  const found = target(text, { vm, ports, here: location });
  if (!found) return;
  if (found.port) {
    const todo = `To open it, add ${found.port} to "ports" in the config of ${vm}, then sync.`;
    await ask(`Port ${found.port} of ${vm} is not forwarded.`, todo, "");
  } else if (found.isOurs) {
    await ask("This link leads to the dashboard itself.", "It comes from the guest, so it is not opened.", "");
  } else if (await ask("Open this address? It comes from the guest.", found.address, "Open in a new tab")) {
    window.open(found.address, "_blank", "noopener,noreferrer");
  }
}
