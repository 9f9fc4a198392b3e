"""A failure of the driver shows what the user would see."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.driver.window import Window

CARD = "<title>VMs</title><article><h2>app</h2><p>No unsaved work found</p><button>Stop</button></article>"


def test_a_failure_shows_what_was_expected_where_and_what_is_there_instead(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(CARD)
    page.set_default_timeout(100)
    card = Window(page, "", patience=100).part("The card of app", "article").shows("app", "No unsaved work found")
    shown = ("The page is 'VMs'", "    app\n", "    No unsaved work found\n", "    Stop")
    with pytest.raises(AssertionError, match="The card of app does not show '2 commits not pushed'") as failed:
        card.shows("2 commits not pushed")
    assert all(text in str(failed.value) for text in shown)
    with pytest.raises(AssertionError, match='The user cannot do this: Press "Sync"') as failed:
        card.press("Sync")
    assert all(text in str(failed.value) for text in shown)
    with pytest.raises(AssertionError, match="The card of app is still shown"):
        card.is_gone()
    with pytest.raises(AssertionError, match="it is not on the page"):
        Window(page, "", patience=100).part("The card of web", "#web").shows("web")
    page.close()
