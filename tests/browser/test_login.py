"""From the printed address to the cards."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Dashboard


def test_the_printed_address_logs_in_once(dashboard: Dashboard, context: BrowserContext) -> None:
    address = dashboard.address()
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("No VM yet")
    assert "#" not in page.url  # the token is not left where a look over the shoulder finds it
    second = context.browser.new_context().new_page() if context.browser else page
    second.goto(address)
    expect(second.get_by_role("alert")).to_contain_text("used")
    second.context.close()
