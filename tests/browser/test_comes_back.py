"""What happens elsewhere shows in an open tab, and a dashboard that is killed loses nothing."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Complaints, Dashboard
from tests.browser.screen import run_line, wait_for_screen
from tests.journey.conftest import House

# Milliseconds in the page from when it is asked to look until the badge of the one card says what it should.
SHOWN_AFTER = """word => new Promise((resolve) => {
  const begun = performance.now();
  const look = () => document.querySelector("article .state")?.textContent.includes(word)
    ? resolve(performance.now() - begun) : requestAnimationFrame(look);
  look();
})"""
SLOW_RECIPE = 'until [ -e "$HOME/go-on" ]; do sleep 0.1; done; echo went-on\n'
COUNT_ALERTS = """() => {
  window.alertsSaid = 0;
  new MutationObserver((changes) => {
    for (const change of changes) if (change.addedNodes.length > 0) window.alertsSaid += 1;
  }).observe(document.getElementById("alerts"), { childList: true });
}"""
GONE = "ERR_CONNECTION_REFUSED"  # what the browser says when nobody listens


@pytest.mark.usefixtures("guests_work")
def test_a_change_made_elsewhere_shows_within_two_seconds(page: Page, dashboard: Dashboard) -> None:
    house = dashboard.house
    house.ok("init", "app")
    expect(page.get_by_role("article")).to_contain_text("Not created")  # the card of a file that was just made
    house.ok("sync", "app")
    expect(page.locator("article .state").first).to_contain_text("Reachable")
    house.ok("stop", "app")
    by_cli = page.evaluate(SHOWN_AFTER, "Stopped")
    limactl = (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", "start", "--tty=false", "dvm-app")
    environ = {**house.environ, "LIMA_HOME": str(house.paths.lima_home)}
    subprocess.run(limactl, env=environ, check=True, capture_output=True, timeout=60)
    by_limactl = page.evaluate(SHOWN_AFTER, "R")  # Running, or Reachable already
    print(f"shown {by_cli:.0f} ms after dvm stop, {by_limactl:.0f} ms after limactl start")
    assert max(by_cli, by_limactl) < 6000  # 2 s is the aim; a busy machine gets three times that


@pytest.mark.usefixtures("guests_work")
def test_r01_killed_while_a_sync_runs_the_job_goes_on_and_the_tab_comes_back(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    _sync_slowly(page, house)
    dashboard.end(signal.SIGKILL)
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.get_by_role("alert")).to_contain_text("dvm web")
    assert house.jobs()[0]["state"] == "running"
    dashboard.start()
    expect(page.get_by_role("alert")).to_be_empty()
    house.guest("app", "touch ~/go-on")
    expect(page.locator("#job .state").first).to_have_text("Done")
    expect(page.get_by_role("region", name="Log")).to_contain_text("went-on")
    _forgive_gone(complaints)


@pytest.mark.usefixtures("guests_work")
def test_killed_while_a_terminal_is_open_its_screen_and_its_program_stay(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    dashboard.house.ok("init", "app")
    dashboard.house.ok("sync", "app")
    page.get_by_role("article").get_by_role("link", name="Terminal").click()
    run_line(page, "echo before-$((1+1)); read -r word; echo heard-$word")
    wait_for_screen(page, "before-2")
    dashboard.end(signal.SIGKILL)
    expect(page.get_by_role("status")).to_contain_text("The connection is gone. Trying again")
    dashboard.start()
    run_line(page, "you")
    wait_for_screen(page, "before-2", "heard-you")
    expect(page.get_by_role("status")).to_be_empty()
    _forgive_gone(complaints)


def test_killed_between_typing_and_saving_nothing_typed_is_lost(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    house.ok("init", "app")
    before = house.paths.vm_config("app").read_text()
    page.goto(f"{dashboard.root}/vms/app/edit")
    page.get_by_label("CPUs").fill("3")
    dashboard.end(signal.SIGKILL)
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.get_by_label("CPUs")).to_have_value("3")
    assert house.paths.vm_config("app").read_text() == before
    dashboard.start()
    save.click()
    expect(page).to_have_title(re.compile("^app: "))
    assert "cpus: 3" in house.paths.vm_config("app").read_text()
    _forgive_gone(complaints)


def test_logged_out_elsewhere_a_form_says_so_and_keeps_what_was_typed(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
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


def test_logged_out_elsewhere_the_cards_say_so(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    other = page.context.new_page()
    other.goto(f"{dashboard.root}/jobs")
    other.get_by_role("button", name="Log out everywhere").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("You are logged out everywhere.")
    assert (
        other.evaluate("() => getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    )  # it has its style
    expect(page.get_by_role("alert")).to_contain_text("You are logged out")
    complaints.take("404")
    _forgive_gone(complaints)


@pytest.mark.usefixtures("guests_work")
def test_what_dvm_refuses_is_told_once_and_goes_when_it_works_again(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    _sync_slowly(page, house)
    journal = house.paths.state / "jobs" / page.url.rpartition("/")[2] / "job.json"
    page.evaluate(COUNT_ALERTS)
    journal.rename(journal.with_suffix(".away"))
    expect(page.get_by_role("alert")).to_contain_text("There is no job")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/part"))
    assert page.evaluate("() => window.alertsSaid") == 1  # not once a second
    journal.with_suffix(".away").rename(journal)
    expect(page.get_by_role("alert")).to_be_empty()
    house.guest("app", "touch ~/go-on")
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


def _sync_slowly(page: Page, house: House) -> None:
    """On the page of a sync that waits in a recipe until the guest has ~/go-on."""
    slow = house.paths.config / "recipes" / "slow.sh"
    slow.parent.mkdir(parents=True)
    slow.write_text(SLOW_RECIPE)
    house.ok("init", "app", "--recipe", "slow")
    page.get_by_role("article").get_by_role("button", name="Create and sync").click()
    expect(page.locator("#job li.now", has_text="recipe slow")).to_be_visible()


def _forgive_gone(complaints: Complaints) -> None:
    """Forget what the browser and htmx say about a dashboard that was taken away."""
    complaints.lines[:] = [line for line in complaints.lines if GONE not in line and "htmx:" not in line]


def test_r12_a_file_that_changed_while_its_form_was_open_shows_both_and_writes_nothing(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    house = dashboard.house
    house.ok("init", "app")
    file = house.paths.vm_config("app")
    page.goto(f"{dashboard.root}/vms/app/edit")
    page.get_by_label("CPUs").fill("3")
    file.write_text(by_hand := file.read_text() + "\ncpus: 5\n# a note of mine\n")
    page.get_by_role("button", name="Save", exact=True).click()
    both = page.get_by_role("alert").filter(has_text="was changed while this form was open")
    expect(both.get_by_role("row", name="CPUs")).to_contain_text("both changed")
    for side in ("3", "5"):
        expect(both.get_by_role("row", name="CPUs").get_by_role("cell", name=side, exact=True)).to_be_visible()
    assert file.read_text() == by_hand
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^app: "))
    assert "cpus: 3" in file.read_text()
    assert "# a note of mine" in file.read_text()
    complaints.take("409")
