"""One dashboard and one login for many tests: a login a test would meet the limit of ten a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.dashboard import Dashboard, at_home
from tests.browser.driver.terminal import Terminal
from tests.journey.conftest import DvmHome


@dataclass
class Entered:
    """A dashboard with the config `app`, and the cookie of a browser that is logged in to it."""

    dashboard: Dashboard
    root: str  # with the secret path
    cookie: dict[str, Any]

    @property
    def dvm_home(self) -> DvmHome:
        return self.dashboard.dvm_home

    @property
    def prefix(self) -> str:
        return "/d/" + self.root.rpartition("/d/")[2]

    def log_in(self, context: BrowserContext) -> BrowserContext:
        """Make a browser one that has logged in."""
        context.add_cookies([{**self.cookie}])  # type: ignore[typeddict-item]
        return context

    def terminal(self, context: BrowserContext, query: str = "", *, has_webgl: bool = True) -> Terminal:
        """A tab of this browser at a terminal of `app`, a new one where the query names none."""
        return Terminal.at(self.log_in(context), self.root, f"/vms/app/terminal{query}", has_webgl=has_webgl)

    def log(self) -> list[str]:
        """The lines of the dashboard's log."""
        return (self.dvm_home.paths.state / "web" / "log").read_text().splitlines()


def logged_in(page: Page, dashboard: Dashboard) -> Page:
    """The page, at the cards, after a login by the address that `dvm web --url` prints."""
    page.goto(dashboard.address())
    page.wait_for_url(f"**{dashboard.root.partition(str(dashboard.port))[2]}/")
    return page


def login(browser: Browser, dashboard: Dashboard) -> dict[str, Any]:
    """The cookie of a fresh session."""
    context = browser.new_context()
    logged_in(context.new_page(), dashboard)
    (cookie,) = context.cookies()
    context.close()
    return {name: value for name, value in cookie.items() if name not in ("expires", "partitionKey")}


@contextmanager
def entered(browser: Browser, *words: str, is_synced: bool = False) -> Iterator[Entered]:
    """Start it in a home of its own; `is_synced`: its VM runs."""
    with at_home(*words) as dashboard:
        dashboard.dvm_home.ok("init", "app")
        if is_synced:
            dashboard.dvm_home.ok("sync", "app")
        dashboard.start()
        yield Entered(dashboard, dashboard.root, login(browser, dashboard))
