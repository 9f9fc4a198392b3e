"""On every page axe-core finds nothing, light and dark, telephone and desk, and nothing scrolls sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.chromium import DESK
from tests.browser.dashboard import Dashboard
from tests.browser.driver.window import Complaints
from tests.browser.sample_vms import SampleVms, visits
from tests.needs import skip

pytestmark = pytest.mark.slow_browser

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE: ViewportSize = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]
# Light: all rules at both widths; dark differs only in colours.
GUEST_CHECKS: tuple[tuple[ViewportSize, Scheme, dict[str, Any]], ...] = (
    (DESK, "light", {"type": "tag", "values": TAGS}),
    (DESK, "dark", {"type": "rule", "values": COLOURS}),
    (PHONE, "dark", {"type": "rule", "values": COLOURS}),
    (PHONE, "light", {"type": "tag", "values": TAGS}),
)
RUN = """only => axe.run(document, { runOnly: only, resultTypes: ["violations"] }).then((found) => {
  const words = (one, node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`;
  return found.violations.flatMap((one) => one.nodes.map((node) => words(one, node)));
})"""

WIDTHS = (320, 768, 1280, 2560)
# Where the page scrolls: the innermost boxes out of which something sticks.
TOO_WIDE = """() => {
  const room = document.scrollingElement;
  if (room.scrollWidth <= innerWidth) return [];
  const isBurst = (one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX === "visible";
  const burst = [...document.querySelectorAll("body *")].filter(isBurst);
  return [`${room.scrollWidth} px`, ...burst.slice(-3).map((one) => one.outerHTML.slice(0, 120))];
}"""


def too_wide(page: Page, name: str) -> list[str]:
    """What sticks out of the page, from the narrowest window to the widest."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{name} at {width} px: {one}" for one in page.evaluate(TOO_WIDE)]
    return found


def violations(page: Page, name: str) -> list[str]:
    """What axe finds on the page as it is, each with its place, width and theme."""
    if not AXE.is_file():
        skip("axe-core is not here; `make setup` fetches it")
    page.evaluate(AXE.read_text())  # by the debugger's way in, which no content policy holds up
    found = []
    for size, scheme, only in GUEST_CHECKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{name}, {size['width']} px, {scheme}: {one}" for one in page.evaluate(RUN, only)]
    return found


def faults(page: Page, name: str) -> list[str]:
    page.wait_for_load_state()  # what was found by its text may not have its styles yet
    return [*too_wide(page, name), *violations(page, name)]


@pytest.mark.timeout(1200)  # some hundred runs of axe, one after the other
@pytest.mark.xdist_group("sample VMs")
@pytest.mark.parametrize("is_of_recipes", [False, True], ids=["VMs and jobs", "recipes"])
def test_every_page(sample_vms: SampleVms, sample_page: Page, is_of_recipes: bool) -> None:
    found = []
    for name, visit in visits(sample_vms).items():
        if name.startswith("recipe") != is_of_recipes:
            continue
        visit(sample_page)
        found += faults(sample_page, name)
    assert not found, "\n".join(found)


def test_before_and_after_a_session(page: Page, dashboard: Dashboard, complaints: Complaints) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("No VMs yet")
    found = faults(page, "first visit")
    page.keyboard.press("?")
    found += faults(page, "keys")
    page.goto(f"{dashboard.root}/")
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out.")
    found += faults(page, "logged out")
    page.goto(f"{dashboard.root}/login")
    found += faults(page, "login")
    page.get_by_label("Address or token").fill("no such token")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    found += faults(page, "login refused")
    assert not found, "\n".join(found)
    complaints.expect("401")
