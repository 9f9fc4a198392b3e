"""No page scrolls sideways, and the tab says the answer."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.town import Town, visits

WIDTHS = (320, 768, 1280, 2560)
# Where the page scrolls: the innermost boxes out of which something sticks.
TOO_WIDE = """() => {
  const room = document.scrollingElement;
  if (room.scrollWidth <= innerWidth) return [];
  const isBurst = (one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX === "visible";
  const burst = [...document.querySelectorAll("body *")].filter(isBurst);
  return [`${room.scrollWidth} px`, ...burst.slice(-3).map((one) => one.outerHTML.slice(0, 120))];
}"""


def test_no_page_scrolls_sideways(town: Town, townsman: Page) -> None:
    found = []
    for name, visit in visits(town).items():
        visit(townsman)
        for width in WIDTHS:
            townsman.set_viewport_size({"width": width, "height": 900})
            found += [f"{name} at {width} px: {one}" for one in townsman.evaluate(TOO_WIDE)]
    assert not found, "\n".join(found)


def test_the_tab_says_the_answer(town: Town, townsman: Page) -> None:
    jobs = town.jobs
    answers = {
        "/": r"1 at risk · dvm",
        "/vms/risky": r"risky: reachable · dvm",
        "/vms/still": r"still: stopped · dvm",
        f"/jobs/{jobs['failed']}": r"Sync still: failed · dvm",
        f"/jobs/{jobs['succeeded']}": r"\w+ \w+: done · dvm",
        f"/jobs/{jobs['running']}": r"Step \d+ of \d+ · Sync busy · dvm",
        "/vms/risky/delete": r"Delete risky\? · dvm",
        "/vms/risky/hook": r"Hook not approved · risky · dvm",
        "/nothing": r"Not Found · dvm",
    }
    for path, title in answers.items():
        townsman.goto(town.root + path)
        expect(townsman).to_have_title(re.compile(f"^{title}$"))
