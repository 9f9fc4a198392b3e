"""One dashboard and one login for the tests of a module: a login a test would meet the limit of ten a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import Dashboard, at_home
from tests.journey.conftest import House


@dataclass
class Entered:
    """A dashboard with the config `app`, and the cookie of a browser that is logged in to it."""

    dashboard: Dashboard
    root: str  # with the secret path
    cookie: dict[str, Any]

    @property
    def house(self) -> House:
        return self.dashboard.house

    @property
    def prefix(self) -> str:
        return "/d/" + self.root.rpartition("/d/")[2]

    def let_in(self, context: BrowserContext) -> BrowserContext:
        """Make a browser one that has logged in."""
        context.add_cookies([{**self.cookie}])  # type: ignore[typeddict-item]
        return context

    def log(self) -> list[str]:
        """The lines of the dashboard's log."""
        return (self.house.paths.state / "web" / "log").read_text().splitlines()


def login(browser: Browser, dashboard: Dashboard) -> dict[str, Any]:
    """The cookie of a fresh session."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(dashboard.address())
    expect(page.get_by_role("heading", level=1)).to_contain_text("VM")
    (cookie,) = context.cookies()
    context.close()
    return {name: value for name, value in cookie.items() if name not in ("expires", "partitionKey")}


@contextmanager
def entered(browser: Browser, *words: str, is_synced: bool = False) -> Iterator[Entered]:
    """Start it in a home of its own; `is_synced`: its VM runs."""
    with at_home(*words) as dashboard:
        dashboard.house.ok("init", "app")
        if is_synced:
            dashboard.house.ok("sync", "app")
        dashboard.start()
        yield Entered(dashboard, dashboard.root, login(browser, dashboard))
