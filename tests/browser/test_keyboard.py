"""The dashboard without a mouse: its keys, where the focus is and stays, how large a target is, what the tab says."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.town import Town

pytestmark = pytest.mark.xdist_group("town")

FOCUSED = "() => document.activeElement.id || document.activeElement.textContent.trim()"
TARGETS = "a[href], button, input, summary"
SHOWN = "(one) => one.checkVisibility() && one.type !== 'hidden'"
NAME = "(one) => one.outerHTML"
# Targets under 24 px (WCAG 2.5.8), but for links in a sentence.
SMALL = """() => [...document.querySelectorAll("a, button, input, summary, select")]
  .filter((one) => one.checkVisibility() && getComputedStyle(one).display !== "inline" && !one.matches(".skip"))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""


def test_keys_of_the_cards(town: Town, townsman: Page) -> None:
    page = townsman
    page.goto(f"{town.root}/")
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("ris")
    expect(page.locator("article:visible")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="risky", exact=True)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("Escape")  # clears
    expect(search).to_have_value("")
    page.keyboard.press("Escape")  # leaves
    expect(search).not_to_be_focused()
    cards = page.evaluate("() => [...document.querySelectorAll('[data-card] .name')].map((one) => one.textContent)")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name=cards[0], exact=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name=cards[1], exact=True)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/vms/{cards[0]}")
    page.go_back()
    page.keyboard.press("n")
    page.wait_for_url("**/new-vm")
    page.get_by_label("Name", exact=True).first.click()
    page.keyboard.type("n/?")  # letters, not keys, while somebody types
    expect(page.get_by_label("Name", exact=True).first).to_have_value("n/?")


def test_enter_in_the_search_opens_the_first_hit(town: Town, townsman: Page) -> None:
    townsman.goto(f"{town.root}/")
    townsman.keyboard.press("/")
    townsman.keyboard.type("still")
    townsman.keyboard.press("Enter")
    townsman.wait_for_url("**/vms/still")


def test_a_dialog_gives_the_focus_back(town: Town, townsman: Page) -> None:
    townsman.goto(f"{town.root}/")
    opener = townsman.get_by_role("link", name="Keyboard")
    opener.focus()
    townsman.keyboard.press("Enter")
    dialog = townsman.get_by_role("dialog", name="Keyboard")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    townsman.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    townsman.keyboard.press("?")
    expect(dialog).to_be_visible()
    townsman.keyboard.press("Enter")  # on Close
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_focus_and_open_menu_stay_while_the_cards_are_polled(town: Town, townsman: Page) -> None:
    page = townsman
    page.goto(f"{town.root}/")
    button = page.get_by_role("article").filter(has_text="risky").get_by_role("button", name="Stop")
    button.focus()
    before = page.evaluate(FOCUSED)
    page.evaluate("() => { document.getElementById('vms').dataset.isOld = '1'; }")
    _change_something(town)
    page.wait_for_function("() => !document.getElementById('vms').dataset.isOld")  # the cards are new elements
    assert page.evaluate(FOCUSED) == before
    more = page.get_by_label("More of risky")
    more.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Edit the config")).to_be_focused()
    with page.expect_response("**/cards*"):
        _change_something(town)
    expect(page.get_by_role("link", name="Edit the config")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()


def test_everything_is_reached_by_tab_alone(town: Town, townsman: Page) -> None:
    page = townsman
    page.goto(f"{town.root}/vms/risky")  # a page that no poll draws anew
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    wanted = page.evaluate(f"() => [...document.querySelectorAll({TARGETS!r})].filter(({SHOWN})).map({NAME})")
    reached = ["To the content"]
    while reached.count(reached[-1]) == 1:  # round and round
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.matches(':focus-visible, body')")
        reached.append(page.evaluate(f"() => ({NAME})(document.activeElement)"))
    assert set(wanted) <= set(reached)


def test_targets_are_large_enough(town: Town, townsman: Page) -> None:
    for width in (390, 1280):
        townsman.set_viewport_size({"width": width, "height": 900})
        townsman.goto(f"{town.root}/")
        assert townsman.evaluate(SMALL) == []


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


def _change_something(town: Town) -> None:
    """Another list of VMs: the config of one gets another number of processors."""
    file = town.dashboard.house.paths.vm_config("still")
    text = file.read_text()
    file.write_text(text.replace("cpus: 1", "cpus: 2") if "cpus: 1" in text else text.replace("cpus: 2", "cpus: 1"))
