"""The list in a browser: keys from the first second, several selected, a table that is remembered, filters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sample_vms import SampleVms

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("sample VMs")]

NAMES = """() => [...document.querySelectorAll("[data-card] .name")]
  .filter((one) => one.checkVisibility()).map((one) => one.textContent)"""
FOCUSED = "() => document.activeElement.closest('[data-card]')?.querySelector('.name')?.textContent ?? ''"


@pytest.fixture
def vms(sample_vms: SampleVms, sample_page: Page) -> Iterator[Page]:
    """The list as cards; the preferences are put back, because other tests share the dashboard."""
    sample_page.goto(f"{sample_vms.root}/")
    yield sample_page
    (sample_vms.dashboard.dvm_home.paths.state / "web" / "preferences.json").unlink(missing_ok=True)


def test_keys_work_at_once_and_can_be_turned_off(sample_vms: SampleVms, vms: Page) -> None:
    names = vms.evaluate(NAMES)
    for key, name in (("j", names[0]), ("j", names[1]), ("k", names[0])):
        vms.keyboard.press(key)
        assert vms.evaluate(FOCUSED) == name
    vms.locator("#vm-risky-name").focus()
    vms.keyboard.press("Control+e")
    vms.keyboard.press("x")
    expect(vms.locator("#pick-vm-risky")).to_be_checked()
    vms.keyboard.press("Escape")
    expect(vms.locator("#pick-vm-risky")).not_to_be_checked()
    vms.keyboard.press("e")
    vms.wait_for_url("**/vms/risky/edit")
    vms.goto(f"{sample_vms.root}/help")
    vms.get_by_role("button", name="Turn them off").first.click()
    expect(vms.locator("html")).to_have_attribute("data-keys", "off")
    vms.goto(f"{sample_vms.root}/")
    vms.locator("#vm-risky-name").focus()
    for key in "jxe?n":
        vms.keyboard.press(key)
    assert vms.evaluate(FOCUSED) == "risky"
    expect(vms.locator("#pick-vm-risky")).not_to_be_checked()
    expect(vms.locator("#keys")).to_be_hidden()


def test_a_range_is_selected_and_a_filter_takes_out_what_it_hides(vms: Page) -> None:
    boxes = vms.locator("[data-pick]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(vms.locator("#selected-count")).to_have_text("3 selected")
    vms.locator("#select-all").click()
    expect(vms.locator("#selected-count")).to_have_text(f"{boxes.count()} selected")
    vms.locator("#filter-running").click()
    expect(vms.locator("#vm-still")).to_be_hidden()
    expect(vms.locator("#pick-vm-still")).not_to_be_checked()
    assert "show=running" in vms.url
    vms.locator("#search").press_sequentially("zzz")
    expect(vms.locator("#selection")).to_be_hidden()
    vms.get_by_role("link", name="Show all").click()
    expect(vms.locator("#vm-still")).to_be_visible()
    expect(vms.locator("#selection")).to_be_hidden()


def test_the_table_is_remembered_sorted_and_keeps_the_selection_while_it_is_polled(
    sample_vms: SampleVms, vms: Page
) -> None:
    vms.get_by_role("button", name="Table", exact=True).click()
    vms.locator("#pick-vm-risky").check()
    vms.locator("#columns-open").click()
    vms.locator("#column-image").check()
    expect(vms.locator("#sort-image")).to_be_visible()
    vms.keyboard.press("Escape")
    vms.locator("#sort-name").click()
    expect(vms.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    names = vms.evaluate(NAMES)
    assert names == sorted(names, reverse=True)
    expect(vms.locator("#pick-vm-risky")).to_be_checked()
    vms.goto(f"{sample_vms.root}/")
    assert vms.evaluate(NAMES) == names
    vms.locator("#vm-risky-more").click()
    expect(vms.locator("#risky-more-edit")).to_be_visible()
    vms.keyboard.press("Escape")
    expect(vms.locator("#risky-more-edit")).to_be_hidden()
    for width in (320, 768, 1280):
        vms.set_viewport_size({"width": width, "height": 800})
        assert vms.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_a_verb_on_several_says_what_became_of_each(vms: Page) -> None:
    vms.locator("#pick-vm-still").check()
    vms.locator("#pick-vm-mended").check()
    vms.locator("#selected-stop").click()
    expect(vms.get_by_role("heading", level=1)).to_have_text("Stop 2 VMs")
    expect(vms.locator("#selected")).to_contain_text("It is not running.")
    expect(vms.locator("#selected")).to_contain_text("Its config has errors")
