"""The way of a new user through the browser, on a real limactl: make, enter, be warned, lose the VM, delete."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import browser
from tests.browser.dashboard import Dashboard, end_keepers
from tests.browser.driver.terminal import Terminal
from tests.lima.real.conftest import BOOT, RealDvmHome

__all__ = ["browser"]

COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm first"
SOON = 60_000.0  # milliseconds: a guest without hardware help takes its time


@pytest.fixture(scope="module")
def dashboard(real: RealDvmHome) -> Iterator[Dashboard]:
    one = Dashboard(real)
    one.start()
    try:
        yield one
    finally:
        one.end()
        end_keepers(real)


@pytest.fixture(scope="module")
def page(dashboard: Dashboard, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SOON)
    one = context.new_page()
    one.goto(dashboard.address())
    yield one
    context.close()


def test_01_a_vm_made_by_form_is_synced(page: Page, real: RealDvmHome) -> None:
    real.paths.config.mkdir(parents=True, exist_ok=True)
    real.paths.overlay_file.write_text("firmware:\n  legacyBIOS: true\n")
    page.get_by_role("main").get_by_role("link", name="New VM").click()
    for label, text in (("Name", "web"), ("Memory", "2GiB"), ("Disk", "4GiB"), ("Image", os.environ["DVM_TEST_IMAGE"])):
        page.get_by_label(label, exact=True).first.fill(text)
    page.get_by_role("button", name="Save and sync").click()
    state = page.locator("#job .state").first
    expect(state).to_have_text(re.compile("Done|Failed"), timeout=BOOT * 1000)
    assert state.inner_text() == "Done", page.locator("main").inner_text()


def test_02_the_card_says_that_it_answers_and_what_it_uses(page: Page) -> None:
    page.get_by_role("link", name="VMs", exact=True).click()
    card = page.get_by_role("article")
    expect(card).to_contain_text("Reachable", timeout=SOON)
    expect(card).to_contain_text("No unsaved work found", timeout=SOON)
    expect(card).to_contain_text(re.compile(r"\d+ % of \d"), timeout=SOON)
    expect(card).to_contain_text(re.compile(r"[\d.]+ / 2 GiB"))


def test_03_work_done_in_the_terminal_is_seen_after_a_reload_and_on_the_card(page: Page) -> None:
    page.get_by_role("article").get_by_role("link", name="Terminal").click()
    shell = Terminal.on(page, SOON)
    shell.type("echo $(hostname)-$((40+2)); pwd").shows("lima-dvm-web-42", "/code/web")
    shell.type(f"{COMMIT}; sync").type("git log --oneline; echo end-$((1+1))").shows("first", "end-2")
    shell.reload().shows("lima-dvm-web-42", "end-2")
    shell.type("exit").has_ended()
    page.get_by_role("link", name="VMs", exact=True).click()
    expect(page.get_by_role("article")).to_contain_text("1 commit not pushed", timeout=SOON)


def test_04_e21_a_stop_by_force_elsewhere_ends_the_terminal_with_the_reason(page: Page, real: RealDvmHome) -> None:
    page.get_by_role("article").get_by_role("link", name="Terminal").click()
    shell = Terminal.on(page, SOON)
    shell.type("echo up-$((1+1))").shows("up-2")
    real.limactl("stop", "-f", "dvm-web")
    expect(page.locator("[data-terminal-note]")).to_contain_text("The VM was stopped", timeout=10_000)
    shell.shows("up-2")  # what was on the screen can still be read
    page.get_by_role("link", name="VMs", exact=True).click()
    expect(page.get_by_role("article")).to_contain_text("Stopped", timeout=10_000)


def test_05_the_delete_asks_for_the_name_and_leaves_nothing(page: Page, real: RealDvmHome) -> None:
    page.get_by_role("article").get_by_role("link", name="web", exact=True).click()
    page.get_by_role("link", name="Delete web").click()
    expect(page.get_by_role("main")).to_contain_text("1 commit not pushed would be lost")
    page.get_by_label("To delete with the work in it").press_sequentially("web")
    page.get_by_label("Start it and check once more").uncheck()
    page.get_by_role("button", name="Delete web for good").click()
    expect(page.locator("#job .state").first).to_have_text("Done", timeout=BOOT * 1000)
    assert not list(real.paths.lima_home.glob("dvm-*"))
