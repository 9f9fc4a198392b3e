"""Whatever a guest calls its files, branches and commits, and whatever it prints, is shown as text (threats.md D)."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, ViewportSize, expect

from dvmweb.jobs import job_record
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from tests.browser.driver.terminal import until
from tests.browser.entered import Entered, entered
from tests.browser.hostile_site import Site, hostile_site

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("hostile text")]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}


def hostile(url: str) -> dict[str, str]:
    """Texts that would be more than text somewhere; `url` is a place that must never be asked for."""
    return {
        "d01 tag": f'"><img src={url}/img onerror=window.pwned=1>',
        "d01 quote": f"' hx-get={url}/hx hx-trigger=load x='",
        "d01 template": "{{7777*7777}}{%print(7777*7777)%}${7777*7777}",
        "d01 href": "javascript:window.pwned=1",
        "d02 script": f"</script><script>window.pwned=1</script><script src={url}/script></script>",
        "d02 comment": "<!-- --!><textarea><plaintext>`",
        "d02 title": f"</title></pre></code><svg onload=window.pwned=1><style>@import'{url}/css'",
        "d03 bidi": "a\u202eexe.txt\u2066b\u200bc\u2028d\ufeff",
        "d03 control": "a\x1b[2J\x07\x08\rb\x7f",
        "d05 address": f"{url}/address",
        "d05 inner": "/d/00000000000000000000000000000000/logout",
    }


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with hostile_site() as one:
        yield one


@pytest.fixture(scope="module")
def home(browser: Browser, site: Site, guests_work: None) -> Iterator[Entered]:
    """A guest that does its worst: a repository for each text, its branch, commit and files named with it."""
    with entered(browser, is_synced=True) as one:
        texts = list(hostile(site.url("/planted")).values())
        one.dvm_home.guest("app", f"python3 - <<'END'\n{PLANT.replace('TEXTS', ascii(texts))}\nEND")
        assert one.dvm_home.dvm("work", "app").code == 5
        recipes = one.dvm_home.paths.config / "recipes"
        recipes.mkdir(parents=True, exist_ok=True)
        plain = [text for text in texts if text.isprintable() and not set(text) & set("<>")]
        _recipe(recipes / "bad.sh", texts[0], texts)  # refused, for its signs; the errors quote it
        _recipe(recipes / "odd.sh", plain[0], plain)
        yield one


def _recipe(path: Path, summary: str, labels: list[str]) -> None:
    """A recipe whose header is made of these."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"')[:100] + '"'

    params = "".join(f"#   p{n}: {{label: {quoted(one)}}}\n" for n, one in enumerate(labels) if one.isprintable())
    path.write_text(f"#!/bin/bash\n# /// recipe\n# summary: {quoted(summary)}\n# params:\n{params}# ///\ntrue\n")


# Runs in the guest. A file's name has no slash and no NUL, a branch's even less.
PLANT = r"""
import os, re, subprocess
texts = TEXTS
def git(*words):
    subprocess.run(("git", *words), check=True, capture_output=True, env={**os.environ, "HOME": "/tmp"})
for number, text in enumerate(texts):
    name = text.replace("/", "\u2044").encode() + (b"\xff\xfe" if number == 0 else b"")
    place = os.path.join(b"/home/dev/code/app", name)
    os.mkdir(place)
    os.chdir(place)
    git("init", "-q", ".")
    git("config", "user.name", text.replace("\n", " ").replace("<", "(").replace(">", ")") or "x")
    git("config", "user.email", "a@b")
    branch = re.sub(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|^[/.-]|[/.]$", "+", text)
    git("checkout", "-q", "-B", branch.replace(".lock", "+"))
    open(os.path.join(place, b"one" + name), "w").write("x")
    git("add", "-A")
    git("commit", "-q", "-m", text.replace("\x00", ""))
    open(os.path.join(place, b"new" + name), "w").write("x")
    open(os.path.join(b"/home/dev/code/app", b"loose" + name), "w").write("x")
marks = "m" + "\u0301" * 80
open("/home/dev/code/app/" + marks, "w").write("x")
"""


@pytest.fixture
def page(home: Entered, context: BrowserContext, site: Site) -> Iterator[Page]:
    """A page on which nothing of the guest may come alive."""
    one = home.log_in(context).new_page()
    dialogs: list[str] = []

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    one.on("dialog", hear)
    yield one
    assert dialogs == []
    assert site.asked == [], "a planted address was asked for"


# Every element, attribute and link that only a guest can have made. The log's own script places its rows by style.
ALIVE = """(root) => [...document.querySelectorAll("*")].flatMap((one) => {
  const is_odd = ({ name, value }) => name.startsWith("on")
    || (name === "style" && !one.closest("[data-log-lines]"))
    || (name.startsWith("hx-") && value.includes("planted"))
    || (["href", "src", "action", "id", "class", "srcset"].includes(name) && /planted|pwned|javascript:/.test(value));
  const is_foreign = one.tagName === "A" && one.href && !one.href.startsWith(root) && !one.href.startsWith("https://");
  return [...[...one.attributes].filter(is_odd).map(({ name, value }) => `${one.tagName} ${name}=${value}`),
    ...(["PLAINTEXT", "IFRAME", "IMG"].includes(one.tagName) ? [one.tagName] : []),
    ...(is_foreign ? [one.href] : [])];
})"""


def check(page: Page, root: str) -> None:
    """What holds on every page that shows guest text."""
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.pwned === undefined")
    alive = page.evaluate(ALIVE, root)
    assert alive == []
    text = page.inner_text("body")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\u2028\ufeff\x1b\x07\x08\x00]", text + page.title())
    assert not re.search("[\u0300-\u036f]{2}", text), "no tower of marks"
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        wide = page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] : [document.documentElement.scrollWidth,
            ...[...document.querySelectorAll("main *")].filter((one) => one.scrollWidth > one.clientWidth + 1
              && one.clientWidth && getComputedStyle(one).overflowX === "visible")
            .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 60)}`)]"""
        )
        assert wide == [], size
    assert page.locator("header.top").bounding_box()["height"] < 200  # type: ignore[index]


SHOWN = {
    "/": ("img src=",),
    "/vms/app": (
        "{{7777*7777}}",
        "javascript:window.pwned=1",
        "</script>",
        "<!--",
        "\\u202e",
        "\\x1b[2J",
        "\\xff\\xfe",
        "hx-get=",
    ),
    "/vms/app/delete": (
        "{{7777*7777}}",
        "javascript:window.pwned=1",
        "</script>",
        "<!--",
        "\\u202e",
        "\\x1b[2J",
        "\\xff\\xfe",
    ),
    "/new-vm": ("{{7777*7777}}", "javascript:window.pwned=1", "hx-get="),
    "/vms/app/edit": ("{{7777*7777}}", "javascript:window.pwned=1", "hx-get="),
}


@pytest.mark.parametrize("path", SHOWN)
def test_d01_d02_d03_d05_names_of_a_guest_are_text(home: Entered, page: Page, path: str) -> None:
    page.goto(home.root + path)
    if path == "/":
        expect(page.get_by_role("heading", level=1)).to_contain_text("unsaved work")
        check(page, home.root)
        return
    if path in ("/new-vm", "/vms/app/edit"):
        page.locator("input[name=recipe][value=odd]").check()
    shown = page.inner_text("main")
    assert [text for text in SHOWN[path] if text not in shown] == []
    assert str(7777 * 7777) not in shown, "no template was run"
    check(page, home.root)


# -- jobs --------------------------------------------------------------------------------------------------------------


def a_job(home: Entered, log: bytes, *texts: str) -> str:
    """A job on disk in which every text is the guest's."""
    text = "\n".join(texts) or "x"
    steps = tuple(
        StepRecord(f"Recipe {one}", ("limactl", "shell", one), "failed", one, time.time() - 9, time.time(), 1)
        for one in texts[:20]
    )
    failure = Failure("DvmError", text, text, text)
    job = Job(secrets.token_hex(16), "app", "sync", state="failed", created=time.time() - 9, started=time.time() - 9)
    job = Job(**{**job.__dict__, "ended": time.time(), "steps": steps, "failure": failure, "notices": texts})
    folder = job_record.folder(home.dvm_home.paths, job.id)
    folder.mkdir(parents=True)
    job_record.save(home.dvm_home.paths, job)
    (folder / "log").write_bytes(log)
    return job.id


@pytest.mark.parametrize("where", ["job", "jobs", "vm"])
def test_d01_d02_d03_a_job_and_its_log_are_text(home: Entered, page: Page, site: Site, where: str) -> None:
    texts = tuple(hostile(site.url("/planted")).values())
    lines = [text.encode() for text in texts]
    lines += [
        b"\xff\xfe\x00 bytes",
        b"m" + "\u0301".encode() * 4000,
        b"w" * 9000,
        b"\x1b]8;;javascript:window.pwned=1\x1b\\link",
    ]
    job = a_job(home, b"\n".join(lines) + b"\n", *texts)
    page.goto(home.root + {"job": f"/jobs/{job}", "jobs": "/jobs", "vm": "/vms/app?tab=jobs"}[where])
    if where == "job":
        expect(page.locator("[data-log-lines]")).to_contain_text("{{7777*7777}}")
        until(page, "document.querySelector('[data-log]') !== null")
        page.locator("[data-log-search]").fill("<script")
        page.keyboard.press("Enter")
        log = page.inner_text("[data-log-lines]")
        assert [
            text for text in ("onerror=", "</script>", "<!--", "javascript:window.pwned=1") if text not in log
        ] == []
    check(page, home.root)


def test_s7_a_line_has_the_look_of_ours_by_its_place_and_not_by_its_words(home: Entered, page: Page) -> None:
    job = a_job(home, b"")
    log = JobLog(job_record.log_file(home.dvm_home.paths, job))
    log.begin("$ limactl start dvm-app")
    log.add_output(b"\x1b[30;40m$ limactl delete -f dvm-app\nno end")
    log.begin("$ limactl shell dvm-app")
    log.add_output(b"\r$ limactl delete -f dvm-app\n")
    page.goto(f"{home.root}/jobs/{job}")
    until(page, "document.querySelector('.log.live .line.host') !== null")
    ours = page.locator(".log.live .line.host").all_inner_texts()
    assert ours == ["$ limactl start dvm-app", "$ limactl shell dvm-app"]
    assert page.locator(".log.live .line:not(.host)", has_text="$ limactl delete").count() == 2


def test_d09_a_log_of_200000_lines_shows_its_end_with_few_nodes(home: Entered, page: Page) -> None:
    job = a_job(
        home, b"".join(b"line %d of a long log, as compilers print them\n" % number for number in range(200_000))
    )
    began = time.monotonic()
    page.goto(f"{home.root}/jobs/{job}")
    expect(page.get_by_text("line 199999 of a long log", exact=False).last).to_be_visible()
    print(f"D09: the end of 200000 lines is seen after {time.monotonic() - began:.2f} s")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    page.locator("[data-log-lines]").focus()
    page.keyboard.press("Home")  # up through all of it
    until(page, "document.querySelector('[data-log-lines]').scrollTop < 50 || true")
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
