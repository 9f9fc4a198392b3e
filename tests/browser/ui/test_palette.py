"""The command palette in a browser: opened by Ctrl-K, filtered by words, run by Enter."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sample_vms import SampleVms

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("sample VMs")]

SCORES = """async (root) => {
  const { score } = await import(`${root}/static/js/ui/palette.js`);
  return [
    score("Terminal of shop", "shop"), score("Workshop tools", "shop"), score("Sync shop", "sync shop"),
    score("Sync shop", "stop"), score("Sync shop", "a.*"),
  ];
}"""


def test_a_page_is_found_and_opened_by_keys(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/")
    page.keyboard.press("Control+k")
    query, options = page.locator("#palette-query"), page.locator("#palette-list [role=option]")
    expect(query).to_be_focused()
    expect(options.first).to_have_attribute("aria-selected", "true")
    query.fill("ports risky")
    expect(options.first).to_contain_text("Ports of risky")
    page.keyboard.press("Enter")
    page.wait_for_url("**/vms/risky/ports")
    page.keyboard.press("Control+k")
    query.fill("nothing like this")
    expect(page.locator("[data-palette-count]")).to_have_text("Nothing matches.")
    page.keyboard.press("Enter")  # runs nothing
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.get_by_role("button", name="Search or run a command").click()
    query.fill("recipe node")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    options.first.click()
    page.wait_for_url("**/recipes/node")


def test_a_verb_is_sent_as_a_form(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/")
    page.route("**/vms/still/start", lambda route: route.abort())
    page.keyboard.press("Control+k")
    page.locator("#palette-query").fill("start still")
    expect(page.locator("#palette-list [role=option]").first).to_contain_text("Start still")
    with page.expect_request("**/vms/still/start") as asked:
        page.keyboard.press("Enter")
    assert asked.value.method == "POST"
    assert (asked.value.post_data or "").startswith("csrf=")


def test_how_entries_are_ranked(sample_vms: SampleVms, sample_page: Page) -> None:
    sample_page.goto(f"{sample_vms.root}/help")
    prefix = sample_vms.root
    begins, inside, both, absent, odd = sample_page.evaluate(SCORES, prefix)
    assert begins > inside > 0
    assert both > 0
    assert (absent, odd) == (0, 0)
