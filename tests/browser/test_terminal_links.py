"""Where links of a guest lead: to the web, to its own ports, never to the dashboard; only after they were shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.hostile_site import hostile_site
from tests.browser.tab import Tab

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]


def test_e07_a_link_that_is_no_web_address_is_dead(tab: Tab) -> None:
    for target in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "vbscript:x"):
        tab.run("clear")
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\https://good.example\x1b]8;;\x1b\\\r\n")
        tab.click_text("https://good")
        tab.click_text("https://good")
        # Text that looks like an address is one by itself; its true target is the only one that may be asked for.
        if tab.question.is_visible():
            assert target not in tab.question.inner_text()
            tab.page.keyboard.press("Escape")
        assert len(tab.context.pages) == 1, target


def test_e07_a_web_link_opens_only_after_its_true_address_was_shown(tab: Tab) -> None:
    with hostile_site() as site:
        target = site.url("/linked").replace("127.0.0.1", "other.localhost")  # 127.0.0.1 would be the guest
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\good.example, honestly\x1b]8;;\x1b\\\r\n")
        tab.click_text("good.example")
        expect(tab.question).to_contain_text(target)
        tab.page.keyboard.press("Escape")
        expect(tab.question).to_be_hidden()
        assert site.paths() == []
        tab.click_text("good.example")
        with tab.context.expect_page() as opened:
            tab.question.get_by_role("button", name="Open").click()
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
        assert "Referer" not in site.asked[0].headers
        assert "Cookie" not in site.asked[0].headers
