"""The address that `dvm web` prints, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.driver.user import User


def test_an_address_logs_in_once_and_without_its_secret_path_it_says_where_it_is_from(
    newcomer: User, browser: Browser
) -> None:
    newcomer.sees_heading("No VMs yet")
    page = newcomer.window.page
    assert "#" not in page.url  # the token is not left where it can be read over the shoulder
    address = newcomer.home.ok("web", "--url").strip()
    second = browser.new_context().new_page()
    second.goto(address)
    expect(second.get_by_role("heading", level=1)).to_have_text("No VMs yet")
    third = browser.new_context().new_page()
    third.goto(address)
    expect(third.get_by_role("alert")).to_contain_text("used")

    port = address.partition("/d/")[0].rpartition(":")[2]
    for name in ("localhost", "[::1]"):
        third.goto(f"http://{name}:{port}/")
        expect(third.get_by_role("heading", level=1)).to_have_text("This address is incomplete")
        expect(third.locator("code")).to_have_text("dvm web --url")
        has_style = third.evaluate("() => getComputedStyle(document.body).maxWidth") != "none"
        assert has_style
    second.context.close()
    third.context.close()
