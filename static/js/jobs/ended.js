// Shows on every page how many jobs run, and a notice when a long one ends: in the page, in the title of the tab and, where
// enabled, as a notification of the browser. Each job once in all tabs, and none that was watched to its end.
// [data-jobs-running] in the navigation; <div data-notices-of-jobs role="status">; #job[data-job] on the page of a job.

import { wants } from "../attention/needs.js";

const SEEN = "dvm.jobs.running"; // ids of jobs that a page has seen running
const SAID = "dvm.jobs.said"; // ids of those whose end was shown
const WATCHED = "dvm.jobs.watched"; // id of the job that a visible page shows, and when that was
const FRESH = 12_000; // milliseconds for which that counts: two polls of a page
const KEPT = 50;

function read(key) {
  try {
    return (localStorage.getItem(key) ?? "").split(" ").filter(Boolean);
  } catch {
    return []; // storage is blocked
  }
}

function write(key, ids) {
  try {
    localStorage.setItem(key, ids.slice(-KEPT).join(" "));
  } catch {
    // storage is blocked: nothing is remembered, and nothing is shown
  }
}

/** Which ended jobs are to be shown, and what to remember. Pure. */
export function decide(seen, said, { running, ended }, watched) {
  const fresh = ended.filter((one) => seen.includes(one.id) && !said.includes(one.id));
  const open = running.filter((id) => !said.includes(id));
  return { shown: fresh.filter((one) => one.id !== watched), seen: open, said: [...said, ...fresh.map((one) => one.id)] };
}

/** The job that is looked at in this tab or another, "" for none. */
function watchedJob() {
  const mine = document.hidden ? "" : (document.getElementById("job")?.dataset.job ?? "");
  if (mine) write(WATCHED, [mine, String(Date.now())]);
  const [id = "", at = "0"] = read(WATCHED);
  return Date.now() - Number(at) < FRESH ? id : "";
}

function take(jobs) {
  const next = decide(read(SEEN), read(SAID), jobs, watchedJob());
  write(SAID, next.said);
  write(SEEN, next.seen);
  return next.shown;
}

/** One tab at a time, so that two do not show the same. */
async function onJobs({ detail }) {
  showNumber(detail.running.length);
  const shown = navigator.locks ? await navigator.locks.request("dvm.jobs", () => take(detail)) : take(detail);
  for (const one of shown) show(one, detail.notified.includes(one.path));
}

function showNumber(number) {
  const place = document.querySelector("[data-jobs-running]");
  if (!place) return;
  place.hidden = number === 0;
  place.textContent = number || "";
  place.title = number === 1 ? "1 job is running" : `${number} jobs are running`;
}

function show(job, isNotified) {
  const place = document.querySelector("[data-notices-of-jobs]");
  if (!place) return;
  const address = `${document.body.dataset.root}${job.path}`;
  const notice = make("div", `callout ${job.tone}`);
  notice.dataset.ended = job.title;
  const words = make("div", "");
  words.append(Object.assign(make("a", ""), { href: address, textContent: job.title }), make("p", "", job.detail));
  const close = Object.assign(make("button", "btn quiet", "Close"), { type: "button" });
  close.setAttribute("aria-label", `Close: ${job.title}`);
  close.addEventListener("click", () => {
    notice.remove();
    document.dispatchEvent(new Event("dvm:needs")); // the title of the tab
  });
  notice.append(words, close);
  place.append(notice);
  document.dispatchEvent(new Event("dvm:needs"));
  if (wants("jobs") && !isNotified && !document.hasFocus()) notify(job, address);
}

function notify(job, address) {
  const notice = new Notification(job.title, { tag: `dvm-job-${job.id}`, body: job.detail });
  notice.onclick = () => {
    window.focus();
    location.assign(address);
  };
}

function make(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

export function once() {
  document.addEventListener("dvm:jobs", onJobs);
}
