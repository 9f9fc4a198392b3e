"""A recipe in a real browser: copied, edited, a finding seen, saved, its difference read, deleted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Complaints, Dashboard


def fork_edit_and_save(page: Page, dashboard: Dashboard) -> None:
    page.get_by_role("link", name="Recipes", exact=True).click()
    page.get_by_role("link", name="node", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("node")
    page.get_by_role("button", name="Copy it to change it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Edit node")
    script = page.get_by_label("Script")
    script.fill(script.input_value().replace("0.34.0", "0.99.0") + 'echo "$DVM_NOBODY"\n')
    page.get_by_role("button", name="Check, save nothing").click()
    expect(page.locator("#check")).to_contain_text("DVM_NOBODY is given by no param")
    script.fill(script.input_value().replace('echo "$DVM_NOBODY"\n', ""))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    file = dashboard.house.paths.local_recipes / "node.sh"
    assert "0.99.0" in file.read_text()
    assert "\r" not in file.read_text()

    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#difference")).to_contain_text('+ #     default: "0.99.0"')
    page.get_by_role("link", name="Delete yours").click()
    expect(page.locator("main")).to_contain_text("The bundled one counts then: it says something else.")
    page.get_by_role("button", name="for good").click()
    expect(page.get_by_role("button", name="Copy it to change it")).to_be_visible()
    assert not file.exists()


def make_one(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.root}/recipes")
    page.get_by_label("Name").fill("node")
    page.get_by_role("button", name="New recipe").click()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")  # it would hide the bundled one
    page.get_by_label("Name").fill("my-tool")
    page.get_by_role("button", name="New recipe").click()
    expect(page.get_by_label("Script")).to_have_value(re.compile("DVM_MY_TOOL_VERSION"))


def test_fork_edit_find_save_delete(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    fork_edit_and_save(page, dashboard)
    make_one(page, dashboard)
    complaints.take("422")


@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_every_form_of_recipes_without_script(
    context: BrowserContext, dashboard: Dashboard, complaints: Complaints
) -> None:
    posted: set[str] = set()
    context.on("request", lambda one: posted.add(one.url.rpartition("/")[2]) if one.method == "POST" else None)
    page = context.new_page()
    page.goto(f"{dashboard.root}/login")
    page.get_by_label("Address or token").fill(dashboard.address())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("VM"))
    fork_edit_and_save(page, dashboard)
    make_one(page, dashboard)
    assert {one.partition("#")[0] for one in posted} == {"login", "fork", "edit", "delete", "recipes"}
    complaints.take("422")


def test_the_script_that_is_copied_is_the_file(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.root}/recipes/zsh")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    bundled = dashboard.house.paths.bundled_recipes / "zsh.sh"
    assert page.locator("pre.script").text_content() == bundled.read_text().rstrip("\n")
