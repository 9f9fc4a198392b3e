"""The page of a VM by keys and on a phone: the primary by its key, and a row of tabs that shows the current one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sample_vms import SampleVms

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("sample VMs")]

IS_IN_VIEW = """(tab) => {
  const row = tab.parentElement.getBoundingClientRect();
  const box = tab.getBoundingClientRect();
  return box.left >= row.left - 1 && box.right <= row.right + 1;
}"""


def test_a_key_presses_its_button_and_not_while_somebody_types(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/vms/risky?tab=logs")
    page.locator("#log-query").fill("")
    page.keyboard.type("t")
    expect(page.locator("#log-query")).to_have_value("t")
    page.goto(f"{sample_vms.root}/vms/risky?tab=config")
    page.keyboard.press("t")
    page.wait_for_url("**/vms/risky/terminal*")


def test_the_current_tab_is_in_view_on_a_phone(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("key", "jobs", "files"):
        page.goto(f"{sample_vms.root}/vms/risky?tab={tab}")
        current = page.locator("#tabs [aria-current]")
        expect(current).to_be_visible()
        page.wait_for_function("() => document.documentElement.dataset.script === 'on'")
        assert current.evaluate(IS_IN_VIEW), tab
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_menu_opens_and_closes_by_keys(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/vms/risky?tab=config")
    page.locator("#vm-more").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#menu-rename")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#menu-rename")).to_be_hidden()
    expect(page.locator("#vm-more")).to_be_focused()
