"""A recipe in a real browser: customized, edited, a finding seen, saved, its difference read, deleted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.driver.user import User
from tests.browser.driver.window import Complaints, Window
from tests.browser.entered import Entered
from tests.places import recipe

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("shared dashboard")]
UNKNOWN = 'echo "$DVM_NOBODY"'


def customize_and_delete(user: User) -> None:
    node = user.recipes().open("node")
    assert node.script == recipe("node").read_text().rstrip("\n")

    editor = node.customize().replace("0.34.0", "0.99.0").append(UNKNOWN)
    editor.check().findings.shows("DVM_NOBODY is not a param")
    editor.replace(f"{UNKNOWN}\n", "").save()
    file = user.home.paths.local_recipes / "node.sh"
    assert "0.99.0" in file.read_text()
    assert "\r" not in file.read_text()

    node = editor.leave("node")
    node.difference.shows('+ #     default: "0.99.0"')
    question = node.delete().shows("The bundled recipe is used instead; it differs.")
    question.confirm().is_bundled()
    assert not file.exists()


def make_one(user: User, tool: str) -> None:
    user.recipes().new("node").is_refused()  # it would hide the bundled one
    editor = user.recipes().new(tool)
    expect(editor.script).to_have_value(re.compile(f"DVM_{tool.upper()}_VERSION"))


def test_a_recipe_is_customized_checked_saved_compared_and_deleted(user: User) -> None:
    customize_and_delete(user)
    make_one(user, "mytool")
    user.window.complaints.expect("422")


@pytest.mark.slow_browser
@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_every_form_of_recipes_without_script(home: Entered, context: BrowserContext, complaints: Complaints) -> None:
    posted: set[str] = set()
    context.on("request", lambda one: posted.add(one.url.rpartition("/")[2]) if one.method == "POST" else None)
    page = home.log_in(context).new_page()
    page.goto(f"{home.root}/")
    user = User(Window(page, home.root, complaints=complaints), home.dvm_home)
    customize_and_delete(user)
    make_one(user, "ourtool")
    assert {one.partition("#")[0] for one in posted} == {"fork", "edit", "delete", "recipes"}
    complaints.expect("422")
