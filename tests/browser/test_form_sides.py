"""The form in a real browser: typing on one side changes the other, and never what is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from dvmweb.paths import Paths, from_environment
from tests.browser.conftest import Complaints, Dashboard
from tests.browser.entered import Entered, entered

pytestmark = pytest.mark.xdist_group("form sides")
OWN = "# my VM\ncpus: 3   # three\nmemory: 6GiB\n"


@pytest.fixture(scope="module")
def home(browser: Browser) -> Iterator[Entered]:
    with entered(browser) as one:
        yield one


@pytest.fixture
def dashboard(home: Entered) -> Dashboard:
    return home.dashboard


@pytest.fixture
def page(home: Entered, context: BrowserContext) -> Page:
    return home.let_in(context).new_page()


def paths_of(dashboard: Dashboard) -> Paths:
    return from_environment(dashboard.house.environ)


def edit(page: Page, dashboard: Dashboard) -> None:
    path = paths_of(dashboard).vm_config("app")
    path.write_text(OWN)
    page.goto(f"{dashboard.root}/vms/app/edit")


def caret(page: Page) -> int:
    found: int = page.evaluate("document.activeElement.selectionStart")
    return found


def test_fields_change_the_yaml_and_keep_the_caret(page: Page, dashboard: Dashboard) -> None:
    edit(page, dashboard)
    page.fill("#f-cpus", "12")
    page.locator("#f-cpus").press("Home")
    page.keyboard.press("Delete")
    page.keyboard.type("6")
    expect(page.locator("#f-yaml")).to_have_value(OWN.replace("cpus: 3", "cpus: 62"))
    expect(page.locator("#f-cpus")).to_be_focused()
    assert caret(page) == 1
    page.fill("#f-cpus", "8")
    expect(page.locator("#f-yaml")).to_have_value(OWN.replace("cpus: 3", "cpus: 8"))


def test_yaml_changes_the_fields_and_keeps_the_caret(page: Page, dashboard: Dashboard) -> None:
    edit(page, dashboard)
    page.locator("#f-yaml").press("Control+Home")
    page.keyboard.type("recipes: [git]\nparams: {git: {user_name: Ada}}\nuser: root\n")
    expect(page.locator("[name='params.git.user_name']")).to_have_value("Ada")
    expect(page.locator("#f-recipe-git")).to_be_checked()
    expect(page.locator("#f-user-error")).to_contain_text("Root is an account or group of the system")
    expect(page.locator("#vm-problems")).to_contain_text("Line 3. ")
    expect(page.locator("#f-yaml")).to_be_focused()
    assert caret(page) == len("recipes: [git]\nparams: {git: {user_name: Ada}}\nuser: root\n")
    page.keyboard.press("Backspace")
    page.keyboard.type("x\n")
    expect(page.locator("#f-user")).to_have_value("rootx")
    expect(page.locator("#vm-problems li")).to_have_count(0)
    expect(page.locator("#vm-preview .steps")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/vms/app")
    written = paths_of(dashboard).vm_config("app").read_text()
    assert written == "recipes: [git]\nparams: {git: {user_name: Ada}}\nuser: rootx\n" + OWN


def test_a_late_answer_does_not_land_on_what_is_typed(page: Page, dashboard: Dashboard) -> None:
    edit(page, dashboard)
    held: list[Route] = []
    page.route("**/vms/app/edit", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(lambda request: request.method == "POST"):
        page.fill("#f-cpus", "5")
    page.locator("#f-yaml").press("Control+End")
    page.keyboard.type("user: jo\n")  # before the answer to the field is there
    with suppress(Error):  # the page may have given it up already
        held[0].continue_()
    # Both sides are changed now: neither is taken from the user.
    expect(page.locator("#vm-choice")).to_be_visible()
    expect(page.locator("#f-yaml")).to_have_value(OWN + "user: jo\n")
    expect(page.locator("#f-cpus")).to_have_value("5")
    page.get_by_role("button", name="Write the fields into the YAML").click()
    # The fields count as they stand, so the user that was typed on the other side goes.
    expect(page.locator("#f-yaml")).to_have_value(OWN.replace("cpus: 3", "cpus: 5"))


def test_a_typed_secret_stays_when_the_fields_follow(page: Page, dashboard: Dashboard) -> None:
    shelf = paths_of(dashboard).local_recipes
    shelf.mkdir(parents=True)
    header = "summary: x\n# params: {token: {label: Token, secret: true}}"
    (shelf / "agent.sh").write_text(f"#!/bin/sh\n# /// recipe\n# {header}\n# ///\ntrue\n")
    edit(page, dashboard)
    page.check("#f-recipe-agent")
    expect(page.locator("#f-yaml")).to_have_value(OWN + "recipes:\n  - agent\n")
    page.locator("#f-secret-token-agent").fill("s3cret-canary")
    page.locator("#f-yaml").press("Control+End")
    page.keyboard.type("user: jo\n")
    expect(page.locator("#f-user")).to_have_value("jo")
    expect(page.locator("#f-secret-token-agent")).to_have_value("s3cret-canary")
    assert "s3cret-canary" not in page.input_value("#f-yaml")


def test_a_wrong_value_is_marked_at_its_field_while_one_types(
    page: Page, dashboard: Dashboard, complaints: Complaints
) -> None:
    edit(page, dashboard)
    cpus = page.locator("#f-cpus")
    described = cpus.get_attribute("aria-describedby")
    cpus.fill("two")
    expect(cpus).to_have_attribute("aria-invalid", "true")
    expect(cpus).to_have_accessible_description(re.compile("'two' is not a whole number"))
    expect(cpus).to_be_focused()
    page.get_by_role("button", name="Save", exact=True).click()  # the server's own marks are the same ones
    expect(page.get_by_role("alert").filter(has_text="Nothing was saved")).to_be_visible()
    expect(page.locator("#f-cpus-error .error")).to_have_count(1)
    page.wait_for_load_state()  # its scripts have run
    complaints.take("422")  # the browser notes the form that was refused
    cpus.fill("2")
    expect(page.locator("#f-cpus-error")).to_have_count(0)
    expect(cpus).not_to_have_attribute("aria-invalid", "true")
    expect(cpus).to_have_attribute("aria-describedby", described or "")


def test_the_side_of_a_new_vm_needs_no_scrollbar_of_its_own(page: Page, dashboard: Dashboard) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{dashboard.root}/new-vm")
    page.fill("#f-name", "web")
    page.check("#f-recipe-git")
    expect(page.locator("#vm-preview .steps li").filter(has_text="recipe git")).to_be_visible()
    high, seen = page.evaluate("(e => [e.scrollHeight, e.clientHeight])(document.querySelector('.stick'))")
    assert high <= seen
