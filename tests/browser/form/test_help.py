"""The help of a field is behind its "?": by keyboard, in a narrow window, for screen readers, and without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver.form import VmForm
from tests.browser.driver.user import User

pytestmark = pytest.mark.xdist_group("shared dashboard")
HELP = re.compile(r"processor cores.*Default: 2\.")
NARROW = {"viewport": {"width": 340, "height": 700}}


@pytest.mark.parametrize("context", [NARROW, {**NARROW, "java_script_enabled": False}], indirect=True, ids=["", "bare"])
def test_help_opens_by_keyboard_and_describes_its_field(user: User) -> None:
    user.window.open("/new-vm")
    page = user.window.page
    VmForm(user.window).reveal("cpus")
    button, text = page.get_by_role("button", name="Help: CPUs"), page.locator("#f-cpus-help")
    expect(text).to_be_hidden()
    expect(page.get_by_label("CPUs", exact=True)).to_have_accessible_description(HELP)
    button.focus()
    page.keyboard.press("Enter")
    expect(text).to_have_text(HELP)
    expect(text).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.parametrize("context", [NARROW], indirect=True, ids=[""])
def test_every_question_mark_is_large_enough_and_opens_its_own_text(user: User) -> None:
    user.window.open("/new-vm")
    page = user.window.page
    page.locator("[name=recipe][value=node]").check()
    VmForm(user.window).reveal("cpus", "user")
    buttons = page.locator(".hint:visible")
    assert buttons.count() >= 10
    for button in buttons.all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
        button.click()
        text = page.locator(f"[id='{button.get_attribute('popovertarget')}']")
        expect(text).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")  # it can cover the next one
