"""Every form of the app, posted by a browser that runs no script."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Request, expect
from werkzeug.routing import MapAdapter

from dvmweb.paths import from_environment
from dvmweb.records import idle_times, last_use
from dvmweb.records.idle_times import IdleTime
from dvmweb.verbs.vms import Vms
from dvmweb.web.app import create_app
from dvmweb.web.server.sessions import Sessions
from tests.browser.chromium import DESK
from tests.browser.dashboard import Dashboard
from tests.browser.driver.form import VmForm
from tests.browser.driver.job import JobPage
from tests.browser.driver.terminal import Terminal
from tests.browser.driver.user import User
from tests.browser.driver.vms import Vm
from tests.browser.driver.window import Complaints, Window
from tests.journey.conftest import until
from tests.journey.test_ports import free_port

pytestmark = pytest.mark.slow_browser

Key = tuple[str, str]  # (endpoint, value of the pressed button)
BUTTONS = ("do", "then")  # names of submit buttons whose value counts
ONLY_SCRIPT = {
    "terminals_pages.ticket",
    "terminals_upload_pages.ticket",
}  # asked for by the terminal, which needs a script anyway
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
            is_other = is_other or "tab=files&path=" in path  # each folder of the guest
            if path in seen or not path.startswith(prefix) or is_other:
                continue
            seen.add(path)
            page = _Reader(context.request.get(origin + path).text())
            todo += [link.partition("#")[0] for link in page.links]
            for method, action, value in page.forms:
                if method == "post":
                    self.found.add((self.endpoint(action), value))
                else:
                    is_log = re.fullmatch(rf"{prefix}/vms/[a-z-]+", action)  # the search of its tab Logs
                    assert action in (f"{prefix}/", f"{prefix}/jobs") or is_log, "a form that asks is only a search"
        assert len(seen) > 5


@pytest.fixture
def walk(dashboard: Dashboard, tmp_path: Path) -> Walk:
    environ = dashboard.dvm_home.environ
    app = create_app(Vms(from_environment(environ), environ), Sessions(tmp_path / "web"))
    rules = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    return Walk(dashboard.root, app.url_map.bind("x"), rules)


@pytest.mark.usefixtures("guests_work")
@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_every_form_without_script(
    context: BrowserContext, dashboard: Dashboard, walk: Walk, browser: Browser, complaints: Complaints
) -> None:
    context.on("request", walk.hear)
    user = User(Window(context.new_page(), dashboard.root, complaints=complaints), dashboard.dvm_home)
    _log_in(user, dashboard)
    _make_a_config_and_search(user)
    _snooze_an_item(user)
    walk.all_pages(context)
    _sync_cancel_and_run_again(user)
    _stop_start_check_and_edit(user)
    _restart_clone_and_rename(user)
    _search_a_log(user)
    _test_the_key(user)
    _test_what_can_be_reached(user)
    _use_a_terminal(user, browser, walk)
    _download_the_code_folder(user)
    _open_and_close_a_port(user)
    _approve_the_hook(user)
    _use_bases_and_the_doctor(user)
    _delete_and_remove(user)
    _try_the_example(user)
    user.logs_out()
    _log_in(user, dashboard)
    user.logs_out(everywhere=True)
    missing = walk.found - walk.posted
    assert not missing, f"forms that this test does not post: {sorted(missing)}"
    elsewhere = ONLY_SCRIPT | {rule for rule in walk.rules if rule.startswith("recipes_")}
    never = walk.rules - {endpoint for endpoint, _ in walk.posted} - elsewhere
    assert not never, f"no form was posted to {sorted(never)}"
    complaints.expect("422")
    complaints.expect("409")  # two sides that differ


def _log_in(user: User, dashboard: Dashboard) -> None:
    user.window.open("/login")
    user.window.page.get_by_label("Address or token").fill(dashboard.address())
    user.main.press("Log in")
    user.sees_heading(re.compile("VM"))


def _make_a_config_and_search(user: User) -> None:
    user.has_local_recipe("slow", SLOW)
    form = _choose_a_side(user.new_vm("app"))
    form.set(cpus="many").save().is_refused("Nothing was saved", at="cpus").has(cpus="many")
    form.set(cpus="1").choose(["slow"]).preview().plan.shows("Recipe slow")
    assert not user.home.paths.vm_config("app").exists()
    form.save().is_saved("app")
    user.goes_to("VMs")
    page = user.window.page
    page.get_by_role("searchbox").fill("nothing like it")
    user.main.press("Search")
    expect(page.locator("[data-no-hits]")).to_be_visible()
    user.main.follow("Show all")
    user.window.open("/?show=running")  # its chip stays away while no VM runs
    expect(page.get_by_role("article")).to_have_count(0)


def _snooze_an_item(user: User) -> None:
    """A config with errors is one; it is snoozed and shown again."""
    page, config = user.window.page, user.home.paths.vm_config("app")
    before = config.read_text()
    config.write_text("cpus: many\n")
    item = page.get_by_text("The config has errors")
    until(lambda: bool(page.goto(f"{user.window.root}/attention")) and item.is_visible())
    page.locator("summary", has_text="Snooze").click()
    page.get_by_role("button", name="Snooze for 1 day").click()
    user.sees_heading("Nothing needs attention")
    page.get_by_role("link", name="Snoozed").click()
    expect(item).to_be_visible()
    page.get_by_role("button", name="Show again").click()
    page.locator("#show-all").click()
    expect(item).to_be_visible()
    config.write_text(before)


def _choose_a_side(form: VmForm) -> VmForm:
    """The YAML into the fields; then both sides are changed, and the fields win."""
    text = form.yaml.input_value()
    form.yaml.fill(f"{text}\ncpus: 2\n")
    form.reads_yaml().has(cpus="2")
    form.yaml.fill(f"{text}\ncpus: 4\n")
    form.set(cpus="3").save().lets_fields_win()
    return form.has(cpus="3").has_yaml(re.compile("^cpus: 3$", re.MULTILINE))


def _sync_cancel_and_run_again(user: User) -> None:
    user.window.open("/new-vm")
    job = user.new_vm("brief", recipes=("slow",)).save_and_sync()
    _reloaded(job, "li.now", "Recipe slow").cancel()
    _reloaded(job, ".state", "Cancelled").run_again()
    _reloaded(job, "li.now", "Recipe slow")
    user.home.guest("brief", "touch ~/go-on")
    job.succeeds()


def _stop_start_check_and_edit(user: User) -> None:
    brief = user.vm("brief")
    _with_button(brief, "stop").stop().succeeds()
    _with_button(brief, "start").start().succeeds()
    brief.check_for_unsaved_work().succeeds()
    brief.sync_with(every_recipe=True).succeeds()
    form = _choose_a_side(user.edits("brief"))
    form.set(cpus="1").preview().plan.shows("cpus: 1")
    form.save().is_saved("brief")
    user.edits("brief").save_and_sync().succeeds()


def _restart_clone_and_rename(user: User) -> None:
    page = user.window.page
    user.window.open("/vms/brief")
    page.locator("#brief-restart").click()
    JobPage(user.window).succeeds()
    user.window.open("/vms/brief/force-stop")
    user.main.press("Force stop brief")
    JobPage(user.window).succeeds()
    user.window.open("/vms/brief")
    page.locator("#vm-more").click()
    page.locator("#menu-clone").click()
    for name, what in (("No Name", "is not a VM name"), ("brief", "is its name already"), ("app", "There is a VM app")):
        page.get_by_label("Name of the clone").fill(name)
        page.locator("#clone").click()
        expect(page.locator("#name-error")).to_contain_text(what)
    page.get_by_label("Name of the clone").fill("brief-two")
    page.locator("#clone").click()
    user.sees_heading("brief-two is a clone of brief")
    page.locator("#to-vm").click()
    page.locator("#vm-more").click()
    page.locator("#menu-rename").click()
    page.get_by_label("New name").fill("brief-three")
    page.locator("#rename").click()
    user.sees_heading("brief-two is brief-three now")
    user.home.ok("rm", "brief-three", "--yes", "--force", "--now", "--config")
    user.window.open("/vms/brief")
    page.locator("#brief-start").click()
    JobPage(user.window).succeeds()


def _search_a_log(user: User) -> None:
    page = user.window.page
    user.window.open("/vms/brief?tab=logs")
    page.get_by_label("Source").select_option("ha.stderr.log")
    page.get_by_label("Search in this log").fill("no line has this")
    page.locator("#log-show").click()
    expect(page.locator("#log-count")).to_have_text("No matches")
    page.locator("#log-follow").click()
    expect(page.locator("#log-follow")).to_contain_text("Stop following")


def _test_the_key(user: User) -> None:
    """With a repository where no server is, and without one."""
    config = user.home.paths.vm_config("brief")
    before = config.read_text()
    config.write_text(f"{before}\nrepo: ssh://git@127.0.0.1:1/me/app.git\n")
    page, test = user.window.page, user.window.page.locator("#test-key")
    until(lambda: bool(page.goto(f"{user.window.root}/vms/brief?tab=key")) and test.is_visible())
    test.click()
    expect(page.locator("#key-result .age")).to_have_text("tested just now")
    config.write_text(before)
    none = page.get_by_text("The config has no repository.")
    until(lambda: bool(page.goto(f"{user.window.root}/vms/brief?tab=key")) and none.is_visible())
    expect(test).to_have_count(0)


def _test_what_can_be_reached(user: User) -> None:
    user.window.open("/vms/brief/exposure")
    user.window.page.locator("form[action$='/exposure'] button").click()
    user.window.page.wait_for_url("**/exposure")


def _use_a_terminal(user: User, browser: Browser, walk: Walk) -> None:
    """Opened, named and closed here, used in another browser, which runs scripts. All pages are read meanwhile."""
    _write_hook(user, "one")
    user.window.open("/vms/brief/terminal")
    page = user.window.page
    expect(page.locator("noscript .callout")).to_be_visible()  # that a terminal needs a script
    user.main.press("New shell")
    page.wait_for_url("**/terminal?id=*")
    page.get_by_label("Name of shell").fill("build")
    user.main.press("Rename shell")
    expect(page.get_by_role("link", name="build")).to_be_visible()
    other = browser.new_context(viewport=DESK, storage_state=page.context.storage_state())
    with_script = other.new_page()
    with_script.goto(page.url)
    shell = Terminal.on(with_script).open().type("echo open-$((1+1)); sleep 1000").shows("open-2")
    walk.all_pages(page.context)
    user.main.press("Close build")
    user.sees_heading(re.compile("sleep is running in it"))
    user.main.press("Close build")
    shell.has_ended()
    other.close()


def _download_the_code_folder(user: User) -> None:
    user.window.open("/vms/brief?tab=files")
    with user.window.page.expect_download() as waiting:
        user.main.press("Download folder")
    assert waiting.value.suggested_filename == "brief.tar"


def _open_and_close_a_port(user: User) -> None:
    port = free_port()
    user.window.open("/vms/brief/ports")
    user.window.page.get_by_label("Port in the VM").fill(str(port))
    user.window.page.locator("#open-live").click()
    expect(user.window.page.locator("#ports")).to_contain_text("not in the config")
    user.window.page.locator(f"#declare-{port}").click()
    expect(user.window.page.locator("#ports")).not_to_contain_text("not in the config")
    user.window.page.locator(f"#change-{port}").click()
    other = free_port()
    user.window.page.get_by_label("Port on this computer").fill(str(other))
    user.window.page.locator("#move-port").click()
    expect(user.window.page.locator("#ports")).to_contain_text("nothing listens")
    user.window.page.locator(f"#close-{other}").click()
    expect(user.window.page.locator("#ports")).to_contain_text("No ports.")


def _use_bases_and_the_doctor(user: User) -> None:
    page, home = user.window.page, user.home.paths
    user.window.open("/bases")
    page.locator("#automatic-no").click()
    expect(page.locator("#automatic-no")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("git", exact=True).check()
    page.locator("#build").click()
    JobPage(user.window).succeeds()
    (name,) = (path.stem for path in home.bases.glob("*.json"))
    user.window.open("/bases")
    page.get_by_role("button", name=f"Build anew: {name}").click()
    JobPage(user.window).succeeds()
    (name,) = (path.stem for path in home.bases.glob("*.json"))
    (home.bases / "0a0a0a0a.json").write_text("{}")  # of a build that was interrupted
    user.window.open("/bases")
    page.get_by_role("button", name="Remove what is left").click()
    expect(page.get_by_text("What was left of it was removed.")).to_be_visible()
    page.locator(f"#remove-{name} summary").click()
    page.get_by_role("button", name=f"Remove base {name}").click()
    expect(page.get_by_text(f"Base {name} was deleted.")).to_be_visible()
    home.config.chmod(0o775)
    user.window.open("/doctor")
    user.main.follow("Run the checks")
    page.get_by_role("button", name="Close the folder to others").click()
    expect(page.get_by_text("is no longer writable by others.")).to_be_visible()


def _try_the_example(user: User) -> None:
    user.window.open("/example")
    user.main.press("Create it")
    JobPage(user.window).succeeds().log.shows("one commit that is not pushed")


def _approve_the_hook(user: User) -> None:
    for words, button in (("one", "#approve"), ("two", "#approve-sync")):
        _write_hook(user, words)
        user.window.open("/vms/brief/hook")
        user.window.part("The text of the hook", "#hook-text").shows(f"hook says {words}")
        user.window.page.locator(button).click()
    JobPage(user.window).succeeds().log.shows("hook says two")


def _write_hook(user: User, words: str) -> None:
    user.home.guest("brief", f"mkdir -p .dvm; echo 'echo hook says {words}' > .dvm/sync.sh")


def _protect(user: User) -> None:
    for text in ("Protect from deletion", "Remove protection"):
        user.window.open("/vms/brief")
        user.main.press(text)


def _delete_and_remove(user: User) -> None:
    _protect(user)
    _delete_several_and_restore(user)
    _keep_running(user)
    _use_checkpoints(user)
    user.deletes("brief").check_again().succeeds()
    deletion = user.deletes("brief").type_name("Brief")
    user.window.page.locator("#delete").click()
    expect(user.window.page.locator("#typed-error")).to_contain_text("Nothing was deleted")
    deletion.type_name("brief").delete().succeeds()
    assert not list(user.home.paths.lima_home.glob("dvm-*"))
    _use_the_trash(user)
    user.vm("brief").remove_config().shows("brief")
    assert not user.home.paths.vm_config("brief").exists()


def _delete_several_and_restore(user: User) -> None:
    """A theme, a stop and a start of the selected VM, and the deletion page of several."""
    page = user.window.page
    for verb in ("stop", "start"):
        _select(user, verb)
        expect(page.locator("#selected", has_text="1 done")).to_be_visible()  # it refreshes itself
    page.locator("[data-theme-switch]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    user.deletes("brief").check_again().succeeds()
    _select(user, "delete")
    expect(page.locator("#about-brief")).to_be_visible()
    page.locator("#typed-name-brief").fill("brief")
    page.locator("#delete-all").click()
    expect(page.locator("#selected", has_text="1 done")).to_be_visible()  # it refreshes itself
    user.window.open("/trash")
    page.get_by_role("button", name="Restore brief").click()
    page.wait_for_url("**/vms/brief")
    _select(user, "start")
    expect(page.locator("#selected", has_text="1 done")).to_be_visible()  # it refreshes itself
    user.vm("brief").check_for_unsaved_work().succeeds()


def _select(user: User, verb: str) -> None:
    user.window.open("/")
    user.window.page.locator("#pick-vm-brief").check()
    user.window.page.locator(f"#selected-{verb}").click()


def _keep_running(user: User) -> None:
    """A VM whose stop is announced because nothing uses it."""
    page, paths = user.window.page, user.home.paths
    config = paths.vm_config("brief")
    before = config.read_text()
    config.write_text(f"{before}\nidle_stop: 1\n")
    now = time.time()
    idle_times.write(paths, "brief", IdleTime(seconds=3000.0, at=now, warned_at=now))
    user.window.open("/vms/brief")
    until(lambda: bool(page.reload()) and page.locator("#keep-running").is_visible())  # the list is made again first
    page.locator("#keep-running").click()
    expect(page.locator("#idle")).to_have_count(0)
    assert idle_times.read(paths, "brief").seconds == 0
    config.write_text(before)


def _use_checkpoints(user: User) -> None:
    page, home = user.window.page, user.home.paths
    user.window.open("/vms/brief")
    with last_use.session(home, "brief"):
        page.locator("#vm-checkpoint").click()
        page.get_by_label("Note (optional)").fill("before <b>it</b>")
        page.locator("#make-checkpoint").click()
        expect(page.locator("#sure-error")).to_contain_text("Nothing was stopped.")
        page.get_by_label("Stop it and end what uses it").check()
        page.locator("#make-checkpoint").click()
        JobPage(user.window).succeeds()
    (checkpoint,) = (path.name.removeprefix("dvmcheck-") for path in home.lima_home.glob("dvmcheck-brief-*"))
    user.home.limactl("unprotect", f"dvmcheck-{checkpoint}")
    user.window.open("/checkpoints")
    expect(page.get_by_role("cell", name="before <b>it</b>")).to_be_visible()
    page.get_by_role("button", name="Repair checkpoints").click()
    expect(page.get_by_text("It is now.")).to_be_visible()
    page.get_by_role("link", name=f"Rewind… {checkpoint}").click()
    page.locator("#check-again").click()
    JobPage(user.window).succeeds()
    user.window.open(f"/checkpoints/{checkpoint}/rewind")
    page.locator("#typed-name").fill("brief")
    page.locator("#rewind").click()
    JobPage(user.window).succeeds()
    (entry,) = (path.name for path in home.trash.glob("brief-*"))
    user.home.ok("trash", "empty", entry, "--yes")
    user.window.open("/checkpoints")
    page.get_by_role("link", name=f"Delete for good… {checkpoint}").click()
    page.locator("#typed-name").fill(checkpoint)
    page.locator("#delete").click()
    page.wait_for_url("**/checkpoints")
    assert not list(home.lima_home.glob("dvmcheck-*"))


def _use_the_trash(user: User) -> None:
    page, lima_home = user.window.page, user.home.paths.lima_home
    (entry,) = (path.name for path in lima_home.glob("dvmtrash-brief-*"))
    user.home.limactl("unprotect", entry)
    user.window.open("/trash")
    page.get_by_role("button", name="Protect entries of the trash").click()
    expect(page.get_by_text("It is now.")).to_be_visible()
    page.get_by_role("button", name="Restore brief").click()
    page.wait_for_url("**/vms/brief")
    user.deletes("brief").check_again().succeeds()
    user.deletes("brief").type_name("brief").delete().succeeds()
    user.window.open("/trash")
    page.get_by_role("link", name="Delete for good… brief").click()
    page.locator("#typed-name").fill("brief")
    page.locator("#delete").click()
    page.wait_for_url("**/trash")
    assert not list(lima_home.glob("dvmtrash-brief-*"))


def _reloaded(job: JobPage, place: str, text: str) -> JobPage:
    """Load the page again until it shows this: its own reload comes only every five seconds."""
    shown = job.window.page.locator(f"#job {place}", has_text=text).first

    def is_shown() -> bool:
        with suppress(Error):  # its own reload came at the same moment: the next try loads it
            job.window.page.reload()
        return shown.is_visible()

    until(is_shown)
    return job


def _with_button(vm: Vm, action: str) -> Vm:
    """Load the cards until that of the VM has the button: without script they do not follow."""
    page, button = vm.window.page, vm.window.page.locator(f"#{vm.name}-{action}")
    until(lambda: bool(page.goto(f"{vm.window.root}/")) and button.is_visible())
    return vm
