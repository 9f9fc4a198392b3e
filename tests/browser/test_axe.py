"""axe-core finds nothing on any page, in both colour schemes, on a telephone and on a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, Complaints, Dashboard
from tests.browser.town import Town, visits

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]
# Light asks everything at both widths; in the dark only the colours are others.
LOOKS: tuple[tuple[Any, Scheme, dict[str, Any]], ...] = (
    (DESK, "light", {"type": "tag", "values": TAGS}),
    (DESK, "dark", {"type": "rule", "values": COLOURS}),
    (PHONE, "dark", {"type": "rule", "values": COLOURS}),
    (PHONE, "light", {"type": "tag", "values": TAGS}),
)
RUN = """only => axe.run(document, { runOnly: only, resultTypes: ["violations"] }).then((found) => {
  const words = (one, node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`;
  return found.violations.flatMap((one) => one.nodes.map((node) => words(one, node)));
})"""


def violations(page: Page, name: str) -> list[str]:
    """What axe finds on the page as it stands, each with where and in which look."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here; `scripts/vendor.py --with-tests` fetches it")
    page.evaluate(AXE.read_text())  # by the debugger's way in, which no content policy holds up
    found = []
    for size, scheme, only in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{name}, {size['width']} px, {scheme}: {one}" for one in page.evaluate(RUN, only)]
    page.set_viewport_size(DESK)
    return found


def test_axe_finds_nothing(town: Town, townsman: Page) -> None:
    found = []
    for name, visit in visits(town).items():
        visit(townsman)
        found += violations(townsman, name)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_before_and_after_a_session(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("No VM yet")
    found = violations(page, "first visit")
    page.keyboard.press("?")
    found += violations(page, "keys")
    page.goto(f"{dashboard.root}/")
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out.")
    found += violations(page, "logged out")
    page.goto(f"{dashboard.root}/login")
    found += violations(page, "login")
    page.get_by_label("Address or token").fill("no such token")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    found += violations(page, "login refused")
    assert not found, "\n".join(found)
    complaints.take("401")
