"""The way of a new user: a VM made by form, synced, entered, changed, and deleted when its work was seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Dashboard
from tests.browser.screen import run_line, wait_for_screen

pytestmark = pytest.mark.usefixtures("guests_work")

# Typed by a person, line by line; the commit is on no remote.
COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm first"
OWN_RECIPE = """#!/usr/bin/env bash
# /// recipe
# summary: An editor of my own
# category: editor
# needs: [git]
# ///
echo "my editor is ready"
"""


def test_from_the_first_visit_to_a_deletion_that_asks(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    own = dashboard.house.paths.config / "recipes" / "mine.sh"
    own.parent.mkdir(parents=True)
    own.write_text(OWN_RECIPE)
    _make(page)
    _watch(page)
    _enter(page)
    _see_the_risk(page)
    _edit(page, dashboard)
    _delete(page, dashboard)
    complaints.take("422")  # the browser notes the form that was refused


def _make(page: Page) -> None:
    page.get_by_role("main").get_by_role("link", name="New VM").click()
    page.get_by_label("Name", exact=True).first.press_sequentially("shop")
    page.get_by_label("CPUs").press_sequentially("1")
    page.get_by_label("mine", exact=True).check()
    plan = page.locator("#vm-preview")
    expect(plan).to_contain_text("create instance")
    expect(plan.locator("li", has_text="recipe git")).to_be_visible()  # what it needs came along, and is told
    expect(plan).to_contain_text("git. ")
    page.get_by_role("button", name="Save and sync").click()


def _watch(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Sync shop")
    expect(page.locator("#job .state").first).to_have_text("Done")
    expect(page.get_by_role("region", name="Log")).to_contain_text("my editor is ready")
    expect(page).to_have_title("Sync shop: done · dvm")
    assert page.locator("#job li.done", has_text="recipe mine").count() == 1


def _enter(page: Page) -> None:
    page.get_by_role("link", name="VMs", exact=True).click()
    page.get_by_role("article").get_by_role("link", name="Terminal").click()
    run_line(page, "echo hello-$((40+2)); pwd")
    wait_for_screen(page, "hello-42", "/home/dev/code/shop")
    run_line(page, COMMIT)
    run_line(page, "git log --oneline; echo end-$((1+1))")
    wait_for_screen(page, "first", "end-2")
    page.reload()
    wait_for_screen(page, "hello-42", "first", "end-2")


def _see_the_risk(page: Page) -> None:
    page.get_by_role("button", name="Close terminal", exact=True).click()
    expect(page.get_by_role("button", name="Open a new terminal")).to_be_visible()
    page.get_by_role("link", name="VMs", exact=True).click()
    expect(page.get_by_role("article")).to_contain_text("1 unpushed commit")
    expect(page).to_have_title("1 at risk · dvm")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 VM, 1 with work at risk")


def _edit(page: Page, dashboard: Dashboard) -> None:
    page.get_by_role("article").get_by_label("More of shop").click()
    page.get_by_role("link", name="Edit the config").click()
    file = dashboard.house.paths.vm_config("shop")
    before = file.read_text()
    cpus = page.get_by_label("CPUs")
    cpus.fill("many")
    page.get_by_label("Ports", exact=True).fill("3000")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was saved")).to_be_visible()
    expect(cpus).to_have_attribute("aria-invalid", "true")
    expect(cpus).to_have_value("many")
    expect(page.get_by_label("Ports", exact=True)).to_have_value("3000")
    assert file.read_text() == before
    cpus.fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_title(re.compile("^shop: "))  # the heading of the form has the name in it as well
    assert "cpus: 2" in file.read_text()


def _delete(page: Page, dashboard: Dashboard) -> None:
    page.get_by_role("link", name="Delete shop").click()
    expect(page.get_by_role("main")).to_contain_text("1 unpushed commit would be lost")
    expect(page.locator("#work-report")).to_contain_text("/home/dev/code/shop")
    button = page.get_by_role("button", name="Delete shop for good")
    name = page.get_by_label("To delete with the work in it")
    expect(button).to_be_disabled()
    name.press_sequentially("shop ")  # H06
    expect(button).to_be_disabled()
    name.press("Enter")
    expect(page).to_have_title("Delete shop? · dvm")
    name.press("Backspace")
    button.click()
    expect(page.locator("#job .state").first).to_have_text("Done")
    assert not list(dashboard.house.paths.lima_home.glob("dvm-*"))
    page.get_by_role("link", name="VMs", exact=True).click()
    expect(page.get_by_role("article")).to_contain_text("Not created")
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 VM, nothing known to be at risk")
