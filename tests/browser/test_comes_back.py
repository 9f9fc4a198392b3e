"""What happens elsewhere shows in an open tab, and a dashboard that is killed loses nothing."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import Complaints, Dashboard
from tests.browser.entered import Entered, entered, login
from tests.browser.screen import run_line, wait_for_screen
from tests.journey.conftest import House

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("comes back")]
SLOW_RECIPE = 'until [ -e "$HOME/go-on-{0}" ]; do sleep 0.1; done; echo went-on-{0}\n'
COUNT_ALERTS = """() => {
  window.alertsSaid = 0;
  new MutationObserver((changes) => {
    for (const change of changes) if (change.addedNodes.length > 0) window.alertsSaid += 1;
  }).observe(document.getElementById("alerts"), { childList: true });
}"""
GONE = "net::ERR_"  # refused, reset or empty: what the browser says of a server that was killed


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
def page(home: Entered, dashboard: Dashboard, context: BrowserContext) -> Page:
    """The cards; `app` runs."""
    one = home.let_in(context).new_page()
    one.goto(f"{home.root}/")
    return one


@pytest.fixture
def own_page(browser: Browser, dashboard: Dashboard, context: BrowserContext) -> Page:
    """The cards in a session that may be logged out."""
    context.add_cookies([{**login(browser, dashboard)}])  # type: ignore[typeddict-item]
    one = context.new_page()
    one.goto(f"{dashboard.root}/")
    return one


def _card(page: Page, vm: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("link", name=vm, exact=True))


def test_a_change_made_elsewhere_shows_by_itself(page: Page, dashboard: Dashboard) -> None:
    house = dashboard.house
    state = _card(page, "app").locator(".state").first
    expect(state).to_contain_text("Reachable")
    house.ok("init", "other")
    expect(_card(page, "other")).to_contain_text("Not created")  # the card of a file that was just made
    house.ok("stop", "app")
    expect(state).to_contain_text("Stopped")
    limactl = (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", "start", "--tty=false", "dvm-app")
    environ = {**house.environ, "LIMA_HOME": str(house.paths.lima_home)}
    subprocess.run(limactl, env=environ, check=True, capture_output=True, timeout=60)
    expect(state).to_contain_text("Reachable")


def test_r01_killed_while_a_sync_runs_the_job_goes_on_and_the_tab_comes_back(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    _sync_slowly(page, house, "r01")
    dashboard.end(signal.SIGKILL)
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.get_by_role("alert")).to_contain_text("dvm web")
    assert house.jobs()[0]["state"] == "running"
    dashboard.start()
    expect(page.get_by_role("alert")).to_be_empty()
    house.guest("app", "touch ~/go-on-r01")
    expect(page.locator("#job .state").first).to_have_text("Done")
    expect(page.get_by_role("region", name="Log")).to_contain_text("went-on-r01")
    _forgive_gone(complaints)


def test_killed_while_a_terminal_is_open_its_screen_and_its_program_stay(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    _card(page, "app").get_by_role("link", name="Terminal").click()
    run_line(page, "echo before-$((1+1)); read -r word; echo heard-$word")
    wait_for_screen(page, "before-2")
    dashboard.end(signal.SIGKILL)
    expect(page.get_by_role("status")).to_contain_text("The connection is gone; what you type is kept. Trying again")
    dashboard.start()
    run_line(page, "you")
    wait_for_screen(page, "before-2", "heard-you")
    expect(page.get_by_role("status")).to_be_empty()
    _forgive_gone(complaints)


def test_killed_between_typing_and_saving_nothing_typed_is_lost(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    house.ok("init", "typed")
    before = house.paths.vm_config("typed").read_text()
    page.goto(f"{dashboard.root}/vms/typed/edit")
    page.get_by_label("CPUs").fill("3")
    dashboard.end(signal.SIGKILL)
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.get_by_label("CPUs")).to_have_value("3")
    assert house.paths.vm_config("typed").read_text() == before
    dashboard.start()
    save.click()
    expect(page).to_have_title(re.compile("^typed: "))
    assert "cpus: 3" in house.paths.vm_config("typed").read_text()
    _forgive_gone(complaints)


def test_logged_out_elsewhere_a_form_says_so_and_keeps_what_was_typed(
    own_page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    page = own_page
    other = page.context.new_page()
    other.goto(f"{dashboard.root}/jobs")
    page.goto(f"{dashboard.root}/new-vm")
    page.get_by_label("CPUs").fill("3")
    expect(page.locator("#f-yaml")).to_have_value(re.compile("cpus: 3"))
    other.get_by_role("button", name="Log out", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text("You are logged out.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You are logged out")
    expect(page.get_by_role("alert")).to_contain_text("dvm web --url")
    expect(page.get_by_label("CPUs")).to_have_value("3")
    complaints.take("401")


def test_logged_out_everywhere_the_cards_say_so(
    home: Entered, browser: Browser, own_page: Page, complaints: Complaints
) -> None:
    other = own_page.context.new_page()
    other.goto(f"{home.root}/jobs")
    other.get_by_role("button", name="Log out everywhere").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("You are logged out everywhere.")
    home.root, home.cookie = home.dashboard.root, login(browser, home.dashboard)  # for the tests after this one
    has_style = other.evaluate("() => getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    assert has_style
    expect(own_page.get_by_role("alert")).to_contain_text("You are logged out")
    own_page.close()  # it goes on asking, and is refused, for as long as it is open
    complaints.forgive("401", "404")
    _forgive_gone(complaints)


def test_what_dvm_refuses_is_told_once_and_goes_when_it_works_again(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    _sync_slowly(page, house, "told")
    journal = house.paths.state / "jobs" / page.url.rpartition("/")[2] / "job.json"
    page.evaluate(COUNT_ALERTS)
    journal.rename(journal.with_suffix(".away"))
    expect(page.get_by_role("alert")).to_contain_text("There is no job")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/part"))
    assert page.evaluate("() => window.alertsSaid") == 1  # not once a second
    journal.with_suffix(".away").rename(journal)
    expect(page.get_by_role("alert")).to_be_empty()
    house.guest("app", "touch ~/go-on-told")
    expect(page.locator("#job .state").first).to_have_text("Done")
    complaints.take("404")


def test_what_the_server_refuses_is_told_in_place_and_goes_when_it_works_again(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    answers = itertools.chain([500, 503], itertools.repeat(0))

    def answer(route: Route) -> None:
        status = next(answers)
        route.fulfill(status=status, body="") if status else route.continue_()

    page.route("**/cards*", answer)
    expect(page.get_by_role("alert")).to_contain_text("could not answer (500)")
    expect(page.get_by_role("alert")).to_contain_text("Load the page again")
    expect(page.get_by_role("alert")).to_be_empty()
    complaints.take("500")
    complaints.take("503")
    _forgive_gone(complaints)


def _sync_slowly(page: Page, house: House, word: str) -> None:
    """On the page of a sync that waits in a recipe until the guest has ~/go-on-<word>."""
    slow = house.paths.config / "recipes" / "slow.sh"
    slow.parent.mkdir(parents=True, exist_ok=True)
    slow.write_text(SLOW_RECIPE.format(word))
    house.paths.vm_config("app").write_text("recipes: [slow]\n")
    page.goto(page.url + "vms/app")
    page.locator("#sync-with").click()
    expect(page.locator("#job li.now", has_text="recipe slow")).to_be_visible()


def _forgive_gone(complaints: Complaints) -> None:
    """Forget what the browser and htmx say about a dashboard that was taken away."""
    complaints.forgive(GONE, "htmx:")


def test_r12_a_file_that_changed_while_its_form_was_open_shows_both_and_writes_nothing(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    house.ok("init", "both")
    file = house.paths.vm_config("both")
    page.goto(f"{dashboard.root}/vms/both/edit")
    page.get_by_label("CPUs").fill("3")
    file.write_text(by_hand := file.read_text() + "\ncpus: 5\n# a note of mine\n")
    page.get_by_role("button", name="Save", exact=True).click()
    both = page.get_by_role("alert").filter(has_text="was changed while this form was open")
    expect(both.get_by_role("row", name="CPUs")).to_contain_text("both changed")
    for side in ("3", "5"):
        expect(both.get_by_role("row", name="CPUs").get_by_role("cell", name=side, exact=True)).to_be_visible()
    assert file.read_text() == by_hand
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^both: "))
    assert "cpus: 3" in file.read_text()
    assert "# a note of mine" in file.read_text()
    complaints.take("409")
