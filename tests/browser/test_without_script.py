"""Every form of the app, posted by a browser that runs no script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect
from werkzeug.routing import MapAdapter

from dvmweb.paths import from_environment
from dvmweb.vms import Vms
from dvmweb.web.app import create_app
from dvmweb.web.sessions import Sessions
from tests.browser.conftest import DESK, Complaints, Dashboard
from tests.browser.screen import run_line, wait_for_screen
from tests.journey.conftest import until

Key = tuple[str, str]  # (endpoint, value of the pressed button)
BUTTONS = ("do", "then")  # names of submit buttons whose value counts
ONLY_SCRIPT = {"terminal_pages.ticket", "upload_pages.ticket"}  # asked for by the terminal, which needs a script anyway
REFRESH = 'http-equiv="refresh"'  # on the page of a job that runs
SLOW = 'until [ -e "$HOME/go-on" ]; do sleep 0.1; done\n'


class _Reader(HTMLParser):
    """The links of a page, and its forms as (method, path, value of a button)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, str, str]] = []
        self._form = ("", "")
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self._form = (given.get("method", "get"), given.get("action", ""))
        elif tag == "button" and given.get("type") != "button" and self._form[0] in ("get", "post"):
            self.forms.append((*self._form, given.get("value", "") if given.get("name") in BUTTONS else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ("", "")


@dataclass
class Walk:
    """Which forms the pages have, and which of them were posted."""

    root: str
    adapter: MapAdapter
    rules: set[str]  # endpoints that take a POST
    found: set[Key] = field(default_factory=set)
    posted: set[Key] = field(default_factory=set)

    def endpoint(self, url: str) -> str:
        path = urlsplit(url).path.removeprefix(urlsplit(self.root).path)
        endpoint, _ = self.adapter.match(path, method="POST")
        return str(endpoint)

    def hear(self, request: Request) -> None:
        """Note what the browser posts."""
        if request.method == "POST":
            sent = parse_qs(request.post_data or "")
            value = next((sent[name][0] for name in BUTTONS if name in sent), "")
            self.posted.add((self.endpoint(request.url), value))

    def all_pages(self, context: BrowserContext) -> None:
        """Read every page that a link leads to, and note its forms."""
        origin, prefix = self.root.removesuffix(urlsplit(self.root).path), urlsplit(self.root).path
        todo, seen = [f"{prefix}/"], set[str]()
        while todo:
            path = todo.pop()
            is_other = path.endswith("/download") or path.startswith(f"{prefix}/recipes")  # test_recipes.py has these
            if path in seen or not path.startswith(prefix) or is_other:
                continue
            seen.add(path)
            page = _Reader(context.request.get(origin + path).text())
            todo += [link.partition("#")[0] for link in page.links]
            for method, action, value in page.forms:
                if method == "post":
                    self.found.add((self.endpoint(action), value))
                else:
                    assert action == f"{prefix}/", "a form that asks is only the search"
        assert len(seen) > 5


@pytest.fixture
def walk(dashboard: Dashboard, tmp_path: Path) -> Walk:
    environ = dashboard.house.environ
    app = create_app(Vms(from_environment(environ), environ), Sessions(tmp_path / "web"))
    rules = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    return Walk(dashboard.root, app.url_map.bind("x"), rules)


@pytest.mark.usefixtures("guests_work")
@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_every_form_without_script(
    context: BrowserContext, dashboard: Dashboard, walk: Walk, browser: Browser, complaints: Complaints
) -> None:
    context.on("request", walk.hear)
    page = context.new_page()
    _log_in(page, dashboard)
    _make(page, dashboard)
    walk.all_pages(context)
    _sync_cancel_and_run_again(page, dashboard)
    _stop_start_and_look(page, dashboard)
    _close_a_terminal(page, dashboard, browser, walk)
    _approve(page, dashboard)
    _delete(page, dashboard)
    _log_out(page, dashboard)
    missing = walk.found - walk.posted
    assert not missing, f"forms that this test does not post: {sorted(missing)}"
    elsewhere = ONLY_SCRIPT | {rule for rule in walk.rules if rule.startswith("recipe_pages.")}
    never = walk.rules - {endpoint for endpoint, _ in walk.posted} - elsewhere
    assert not never, f"no form was posted to {sorted(never)}"
    complaints.take("422")
    complaints.take("409")  # two sides that say different things


def _log_in(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.root}/login")
    page.get_by_label("Address or token").fill(dashboard.address())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("VM"))


def _make(page: Page, dashboard: Dashboard) -> None:
    slow = dashboard.house.paths.config / "recipes" / "slow.sh"
    slow.parent.mkdir(parents=True)
    slow.write_text(SLOW)
    page.get_by_role("main").get_by_role("link", name="New VM").click()
    page.get_by_label("Name", exact=True).first.fill("app")
    _choose_a_side(page)
    page.get_by_label("CPUs").fill("many")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("CPUs")).to_have_value("many")  # refused at its field, kept
    expect(page.get_by_label("CPUs")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("CPUs").fill("1")
    page.get_by_label("slow", exact=True).check()
    page.get_by_role("button", name="Show what it will do").click()
    expect(page.locator("#vm-preview li", has_text="recipe slow")).to_be_visible()
    assert not dashboard.house.paths.vm_config("app").exists()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^app: "))
    page.get_by_role("link", name="VMs", exact=True).click()
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No VM fits")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    page.locator("#filters").get_by_role("link", name="Running").click()
    expect(page.get_by_role("article")).to_have_count(0)


def _choose_a_side(page: Page) -> None:
    """The YAML into the fields; then both sides are changed, and the fields win."""
    text = page.locator("#f-yaml").input_value()
    cpus, yaml = page.get_by_label("CPUs"), page.locator("#f-yaml")
    yaml.fill(f"{text}\ncpus: 2\n")
    page.get_by_role("button", name="Read the YAML into the form").click()
    expect(cpus).to_have_value("2")
    yaml.fill(f"{text}\ncpus: 4\n")
    cpus.fill("3")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#vm-choice").get_by_role("button", name="Write the fields into the YAML").click()
    expect(cpus).to_have_value("3")
    expect(yaml).to_have_value(re.compile("^cpus: 3$", re.MULTILINE))


def _sync_cancel_and_run_again(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.root}/new-vm")
    page.get_by_label("Name", exact=True).first.fill("brief")
    page.get_by_label("slow", exact=True).check()
    page.get_by_role("button", name="Save and sync").click()
    _reload_until(page, page.locator("#job li.now", has_text="recipe slow"))
    page.get_by_role("button", name="Cancel").click()
    _reload_until(page, page.locator("#job .state", has_text="Cancelled").first)
    page.get_by_role("button", name="Run again").click()
    _reload_until(page, page.locator("#job li.now", has_text="recipe slow"))
    dashboard.house.guest("brief", "touch ~/go-on")
    expect(page.locator("#job .state").first).to_have_text("Done")  # the page of a job that runs loads itself again


def _stop_start_and_look(page: Page, dashboard: Dashboard) -> None:
    for verb in ("Stop", "Start"):
        _press_on_card(page, dashboard, verb)
        _is_done(page)
    page.goto(f"{dashboard.root}/vms/brief")
    page.get_by_role("button", name="Look").click()
    _is_done(page)
    page.goto(f"{dashboard.root}/vms/brief")
    page.get_by_label("Run every recipe again").check()
    page.locator("#sync-with").click()
    _is_done(page)
    page.goto(f"{dashboard.root}/vms/brief/edit")
    _choose_a_side(page)
    page.get_by_label("CPUs").fill("1")
    page.get_by_role("button", name="Show what it will do").click()
    expect(page.locator("#vm-preview")).to_contain_text("cpus: 1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^brief: "))
    page.goto(f"{dashboard.root}/vms/brief/edit")
    page.get_by_role("button", name="Save and sync").click()
    _is_done(page)


def _approve(page: Page, dashboard: Dashboard) -> None:
    for words, button in (("one", "Approve"), ("two", "Approve and sync")):
        _write_hook(dashboard, words)
        page.goto(f"{dashboard.root}/vms/brief/hook")
        expect(page.locator("#hook-text")).to_contain_text(f"hook says {words}")
        page.get_by_role("button", name=button, exact=True).click()
    _is_done(page)
    expect(page.get_by_role("region", name="Log")).to_contain_text("hook says two")


def _press_on_card(page: Page, dashboard: Dashboard, verb: str) -> None:
    """Load the cards until one of them has the button: without script they do not follow by themselves."""
    button = page.get_by_role("article").filter(has_text="brief").get_by_role("button", name=verb)
    until(lambda: bool(page.goto(f"{dashboard.root}/")) and button.is_visible())
    button.click()


def _write_hook(dashboard: Dashboard, words: str) -> None:
    dashboard.house.guest("brief", f"mkdir -p .dvm; echo 'echo hook says {words}' > .dvm/sync.sh")


def _close_a_terminal(page: Page, dashboard: Dashboard, browser: Browser, walk: Walk) -> None:
    """Opened, named and closed here, used in another browser, which runs scripts. All pages are read meanwhile."""
    _write_hook(dashboard, "one")
    page.goto(f"{dashboard.root}/vms/brief/terminal")
    expect(page.locator("noscript .callout")).to_be_visible()  # that a terminal needs a script
    page.get_by_role("button", name="New shell").click()
    page.wait_for_url("**/terminal?id=*")
    page.get_by_label("Name of shell").fill("build")
    page.get_by_role("button", name="Rename shell").click()
    expect(page.get_by_role("link", name="build")).to_be_visible()
    other = browser.new_context(viewport=DESK, storage_state=page.context.storage_state())
    terminal = other.new_page()
    terminal.goto(page.url)
    run_line(terminal, "echo open-$((1+1)); sleep 1000")
    wait_for_screen(terminal, "open-2")
    walk.all_pages(page.context)
    page.get_by_role("button", name="Close build").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("sleep runs in it")
    page.get_by_role("button", name="Close build").click()
    expect(terminal.get_by_role("button", name="Open a new terminal")).to_be_visible()
    other.close()


def _delete(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.root}/vms/brief/delete")
    page.locator("#look-again").click()
    _is_done(page)
    page.goto(f"{dashboard.root}/vms/brief/delete")
    name = page.get_by_label("To delete")
    name.fill("Brief")
    page.get_by_role("button", name="Delete brief for good").click()
    expect(page.locator("#typed-error")).to_contain_text("Nothing was deleted")
    name.fill("brief")
    page.get_by_role("button", name="Delete brief for good").click()
    _is_done(page)
    assert not list(dashboard.house.paths.lima_home.glob("dvm-*"))


def _log_out(page: Page, dashboard: Dashboard) -> None:
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out.")
    _log_in(page, dashboard)
    page.get_by_role("button", name="Log out everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out everywhere.")


def _reload_until(page: Page, shown: Locator) -> None:
    """The page of a job that runs loads itself again only every five seconds."""
    page.wait_for_url("**/jobs/*")
    until(lambda: bool(page.reload()) and shown.is_visible())


def _is_done(page: Page) -> None:
    """Leave the job's page, which loads itself again, and come back when the job has ended."""
    page.wait_for_url("**/jobs/*")
    job = page.url
    page.goto("about:blank")
    until(lambda: REFRESH not in page.context.request.get(job).text(), 60)
    page.goto(job)
    expect(page.locator("#job .state").first).to_have_text("Done")
