"""What happens elsewhere shows in an open tab, and a dashboard that is killed loses nothing."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.browser.dashboard import Dashboard
from tests.browser.driver.form import VmForm
from tests.browser.driver.job import JobPage
from tests.browser.driver.user import User
from tests.browser.driver.window import Complaints, Window
from tests.browser.entered import Entered, entered, login

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("comes back")]
SLOW_RECIPE = 'until [ -e "$HOME/go-on-{0}" ]; do sleep 0.1; done; echo went-on-{0}\n'
COUNT_ALERTS = """() => {
  window.alertsSaid = 0;
  new MutationObserver((changes) => {
    for (const change of changes) if (change.addedNodes.length > 0) window.alertsSaid += 1;
  }).observe(document.getElementById("alerts"), { childList: true });
}"""
GONE = "net::ERR_"  # refused, reset or empty: the browser's error for a server that was killed


@pytest.fixture(scope="module")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    with entered(browser, is_synced=True) as one:
        yield one


@pytest.fixture
def dashboard(home: Entered) -> Iterator[Dashboard]:
    """A test may kill it; the next one finds it running."""
    yield home.dashboard
    if home.dashboard.process is None or home.dashboard.process.poll() is not None:
        home.dashboard.start()


@pytest.fixture
def other_login(browser: Browser, dashboard: Dashboard, context: BrowserContext, complaints: Complaints) -> User:
    """Somebody in a session that may be logged out."""
    context.add_cookies([{**login(browser, dashboard)}])  # type: ignore[typeddict-item]
    page = context.new_page()
    page.goto(f"{dashboard.root}/")
    return User(Window(page, dashboard.root, complaints=complaints), dashboard.dvm_home)


def _sync_slowly(user: User, word: str) -> JobPage:
    """A sync of `app` that waits in a recipe until the guest has ~/go-on-<word>."""
    user.has_local_recipe("slow", SLOW_RECIPE.format(word))
    user.home.paths.vm_config("app").write_text("recipes: [slow]\n")
    return user.vm("app").sync_with().is_at("Recipe slow")


def _allow_gone(user: User) -> None:
    """Allow the complaints about a dashboard that was killed."""
    user.window.complaints.allow(GONE, "htmx:")


def test_a_change_made_elsewhere_shows_in_an_open_page(user: User, dashboard: Dashboard) -> None:
    app, host = user.vm("app"), user.home
    app.state.shows("Reachable")
    host.ok("init", "other")
    user.vm("other").card.shows("Not created")  # the card of a file that was just made
    host.ok("stop", "app")
    app.state.shows("Stopped")
    limactl = (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", "start", "--tty=false", "dvm-app")
    environ = {**host.environ, "LIMA_HOME": str(host.paths.lima_home)}
    subprocess.run(limactl, env=environ, check=True, capture_output=True, timeout=60)
    app.state.shows("Reachable")


def test_r01_killed_while_a_sync_runs_the_job_goes_on_and_the_tab_comes_back(user: User, dashboard: Dashboard) -> None:
    job = _sync_slowly(user, "r01")
    dashboard.end(signal.SIGKILL)
    user.alert.shows("The dashboard does not respond", "dvm web")
    assert user.home.jobs()[0]["state"] == "running"
    dashboard.start()
    user.alert.is_empty()
    user.home.guest("app", "touch ~/go-on-r01")
    job.succeeds().log.shows("went-on-r01")
    _allow_gone(user)


def test_killed_while_a_terminal_is_open_its_screen_and_its_program_stay(user: User, dashboard: Dashboard) -> None:
    shell = user.vm("app").terminal()
    shell.type("echo before-$((1+1)); read -r word; echo heard-$word").shows("before-2")
    dashboard.end(signal.SIGKILL)
    shell.note_shows("Connection lost. What you type is kept. Retrying")
    dashboard.start()
    shell.type("you").shows("before-2", "heard-you")
    expect(shell.note).to_be_empty()
    _allow_gone(user)


def test_killed_between_typing_and_saving_nothing_typed_is_lost(user: User, dashboard: Dashboard) -> None:
    user.home.ok("init", "typed")
    before = user.config_of("typed")
    form = user.edits("typed").set(cpus="3")
    dashboard.end(signal.SIGKILL)
    form.save()
    user.alert.shows("The dashboard does not respond")
    form.has(cpus="3")
    assert user.config_of("typed") == before
    dashboard.start()
    form.save().is_saved("typed")
    assert "cpus: 3" in user.config_of("typed")
    _allow_gone(user)


def test_logged_out_elsewhere_a_form_shows_it_and_keeps_what_was_typed(other_login: User) -> None:
    user = other_login
    user.window.open("/new-vm")
    form = VmForm(user.window).set(cpus="3").has_yaml(re.compile("cpus: 3"))
    user.another_window("/jobs").logs_out()
    form.save()
    user.alert.shows("You are logged out", "dvm web --url")
    form.has(cpus="3")
    user.window.complaints.expect("401")


def test_logged_out_everywhere_the_cards_show_it(home: Entered, browser: Browser, other_login: User) -> None:
    other = other_login.another_window("/jobs")
    other.logs_out(everywhere=True)
    home.root, home.cookie = home.dashboard.root, login(browser, home.dashboard)  # for the tests after this one
    has_style = other.window.page.evaluate("() => getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    assert has_style
    other_login.alert.shows("You are logged out")
    other_login.window.page.close()  # it goes on asking, and is refused, for as long as it is open
    other.window.complaints.allow("401", "404")
    _allow_gone(other)


def test_a_refusal_is_shown_once_and_disappears_when_it_works_again(user: User, dashboard: Dashboard) -> None:
    job = _sync_slowly(user, "alert")
    journal = user.home.paths.state / "jobs" / job.id / "job.json"
    page = user.window.page
    page.evaluate(COUNT_ALERTS)
    journal.rename(journal.with_suffix(".away"))
    user.alert.shows("There is no job")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/part"))
    assert page.evaluate("() => window.alertsSaid") == 1  # not once a second
    journal.with_suffix(".away").rename(journal)
    user.alert.is_empty()
    user.home.guest("app", "touch ~/go-on-alert")
    job.succeeds()
    user.window.complaints.expect("404")


def test_an_error_of_the_server_is_shown_in_place_and_disappears_when_it_works_again(user: User) -> None:
    answers = itertools.chain([500, 503], itertools.repeat(0))

    def answer(route: Route) -> None:
        status = next(answers)
        route.fulfill(status=status, body="") if status else route.continue_()

    user.window.page.route("**/cards*", answer)
    user.alert.shows("returned an error (500)", "Reload the page").is_empty()
    user.window.complaints.expect("500")
    user.window.complaints.expect("503")
    _allow_gone(user)


def test_r12_a_file_that_changed_while_its_form_was_open_shows_both_and_writes_nothing(user: User) -> None:
    user.home.ok("init", "both")
    form = user.edits("both").set(cpus="3")
    file = user.home.paths.vm_config("both")
    file.write_text(by_hand := file.read_text() + "\ncpus: 5\n# a note of mine\n")
    form.save().is_refused("was changed while this form was open")
    row = user.window.page.locator("#vm-conflict").get_by_role("row", name="CPUs")
    expect(row).to_contain_text("both changed")
    for side in ("3", "5"):
        expect(row.get_by_role("cell", name=side, exact=True)).to_be_visible()
    assert file.read_text() == by_hand
    form.save().is_saved("both")
    assert "cpus: 3" in file.read_text()
    assert "# a note of mine" in file.read_text()
    user.window.complaints.expect("409")
