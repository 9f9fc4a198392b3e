"""A window of the browser and the parts of its pages; a failure shows what the user would see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from textwrap import indent
from typing import Self

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, expect

from tests.browser.driver.pace import Pace

PATIENCE = 20_000  # milliseconds; only a failure takes so long
MOST_LINES = 60


@dataclass
class Complaints:
    """Errors that the browser reports on the pages of a test; a test names those that it provoked."""

    lines: list[str] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)

    def listen_to(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.lines.append(f"error: {error}"))
        page.on("console", self._add)

    def _add(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.lines.append(f"console: {message.text}")

    def expect(self, text: str) -> None:
        """Allow errors that contain this text, also later ones; there must be one by now."""
        kept = [line for line in self.lines if text not in line]
        assert len(kept) < len(self.lines), f"no complaint about {text!r} in {self.lines}"
        self.lines[:] = kept
        self.allow(text)

    def allow(self, *texts: str) -> None:
        """Allow errors that contain any of these texts until the page is closed; "" is in each."""
        self.allowed.update(texts)

    @property
    def left(self) -> list[str]:
        """The errors that the test has not allowed."""
        return [line for line in self.lines if not any(text in line for text in self.allowed)]


@dataclass(frozen=True)
class Window:
    """A page of a browser that is logged in, the pace of the user, and what the browser complained about."""

    page: Page
    root: str  # the address of the dashboard, no slash at its end
    pace: Pace = field(default_factory=Pace)
    complaints: Complaints = field(default_factory=Complaints)
    patience: float = PATIENCE  # milliseconds that a check waits

    @contextmanager
    def act(self, what: str) -> Iterator[None]:
        """Something that the user does, such as 'Press "Save"'; a failure shows what was on the page instead."""
        self.pace.begin(self.page, what)
        try:
            yield
        except Error as error:
            raise AssertionError(self._described(f"The user cannot do this: {what}.", self._main, error)) from None

    @contextmanager
    def awaited(self, what: str, place: Locator | None = None) -> Iterator[None]:
        """Something that the user must see; a failure shows what is there instead."""
        try:
            yield
        except (AssertionError, Error) as error:
            raise AssertionError(self._described(f"{what}.", place or self._main, error)) from None

    def open(self, path: str) -> None:
        """Go to an address below the root, as by a bookmark."""
        with self.act(f"Open {path}"):
            self.page.goto(self.root + path)

    def press(self, what: str, place: str | Locator) -> None:
        """Press a button or a link; `what` names the act, as in `act`."""
        with self.act(what):
            self._at(place).click()

    def part(self, name: str, place: str | Locator) -> Part:
        """A part of the page, by a selector or a locator."""
        return Part(self, name, self._at(place))

    def _at(self, place: str | Locator) -> Locator:
        return self.page.locator(place) if isinstance(place, str) else place

    @property
    def _main(self) -> Locator:
        return self.page.locator("body")

    def _described(self, failure: str, place: Locator, error: BaseException) -> str:
        try:
            text = place.first.inner_text(timeout=1000) if place.count() else "(nothing: it is not on the page)"
            title, address = self.page.title(), self.page.url.removeprefix(self.root) or "/"
        except Error:
            return f"{failure} The page cannot be read.\n{error}"
        shown = [line for line in text.splitlines() if line.strip()]
        cut = [*shown[:MOST_LINES], "…"] if len(shown) > MOST_LINES else shown
        why = str(error).strip().splitlines()[0]
        return f"{failure}\n{why}\nThe page is {title!r}, {address}. It shows:\n{indent(chr(10).join(cut), '    ')}"


@dataclass
class Part:
    """A part of a page that has a name, such as "the card of app"."""

    window: Window
    name: str
    place: Locator

    def shows(self, *texts: str | re.Pattern[str]) -> Self:
        """Wait until each of these stands in it."""
        for text in texts:
            with self.window.awaited(f"{self.name} does not show {_of(text)}", self.place):
                expect(self.place).to_contain_text(text, timeout=self.window.patience)
        return self

    def does_not_show(self, *texts: str | re.Pattern[str]) -> Self:
        for text in texts:
            with self.window.awaited(f"{self.name} shows {_of(text)}", self.place):
                expect(self.place).not_to_contain_text(text, timeout=self.window.patience)
        return self

    def is_shown(self) -> Self:
        with self.window.awaited(f"{self.name} is not shown"):
            expect(self.place).to_be_visible(timeout=self.window.patience)
        return self

    def is_empty(self) -> Self:
        with self.window.awaited(f"{self.name} is not empty", self.place):
            expect(self.place).to_be_empty(timeout=self.window.patience)
        return self

    def is_gone(self) -> Self:
        with self.window.awaited(f"{self.name} is still shown"):
            expect(self.place).to_be_hidden(timeout=self.window.patience)
        return self

    def press(self, button: str) -> None:
        """Press a button in it."""
        self.window.press(f'Press "{button}"', self.place.get_by_role("button", name=button, exact=True))

    def follow(self, link: str) -> None:
        """Follow a link in it."""
        self.window.press(f'Follow "{link}"', self.place.get_by_role("link", name=link, exact=True))


def _of(text: str | re.Pattern[str]) -> str:
    return repr(text if isinstance(text, str) else text.pattern)
