"""The dashboard without a mouse: its keys, where the focus is and stays, the size of targets, the title of the tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sample_vms import SampleVms

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("sample VMs")]

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


def test_keys_of_the_cards(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/")
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


def test_enter_in_the_search_opens_the_first_hit(sample_vms: SampleVms, sample_page: Page) -> None:
    sample_page.goto(f"{sample_vms.root}/")
    sample_page.keyboard.press("/")
    sample_page.keyboard.type("still")
    sample_page.keyboard.press("Enter")
    sample_page.wait_for_url("**/vms/still")


@pytest.mark.parametrize("is_in_address", [False, True], ids=["typed", "in-the-address"])
def test_a_search_without_hits_counts_all_vms_and_show_all_clears_it(
    sample_vms: SampleVms, sample_page: Page, is_in_address: bool
) -> None:
    sample_page.goto(f"{sample_vms.root}/{'?q=zzz' if is_in_address else ''}")
    field = sample_page.get_by_role("searchbox")
    if not is_in_address:
        field.fill("zzz")
    count = sample_page.locator("#count-all").inner_text()
    expect(sample_page.locator("[data-hits]")).to_have_text(f"0 of {count}")
    sample_page.get_by_role("link", name="Show all").click()
    expect(sample_page.locator("#vm-still")).to_be_visible()
    expect(field).to_have_value("")
    expect(sample_page.locator("[data-hits]")).to_be_empty()
    assert sample_page.evaluate("sessionStorage.getItem('dvm-search')") == "", "the next page searches again"


def test_a_dialog_gives_the_focus_back(sample_vms: SampleVms, sample_page: Page) -> None:
    sample_page.goto(f"{sample_vms.root}/")
    opener = sample_page.get_by_role("link", name="Shortcuts")
    opener.focus()
    sample_page.keyboard.press("Enter")
    dialog = sample_page.get_by_role("dialog", name="Keyboard")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    sample_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    sample_page.keyboard.press("?")
    expect(dialog).to_be_visible()
    sample_page.keyboard.press("Enter")  # on Close
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_focus_and_open_menu_stay_while_the_cards_are_polled(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/")
    button = page.get_by_role("article").filter(has_text="risky").get_by_role("button", name="Stop")
    button.focus()
    before = page.evaluate(FOCUSED)
    page.evaluate("() => { document.getElementById('vms').dataset.isOld = '1'; }")
    _change_something(sample_vms)
    page.wait_for_function("() => !document.getElementById('vms').dataset.isOld")  # the cards are new elements
    assert page.evaluate(FOCUSED) == before
    more = page.get_by_label("More actions for risky")
    more.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Edit config")).to_be_focused()
    with page.expect_response("**/cards*"):
        _change_something(sample_vms)
    expect(page.get_by_role("link", name="Edit config")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()


def test_everything_is_reached_by_tab_alone(sample_vms: SampleVms, sample_page: Page) -> None:
    page = sample_page
    page.goto(f"{sample_vms.root}/vms/risky")  # a page that no poll replaces
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    wanted = page.evaluate(f"() => [...document.querySelectorAll({TARGETS!r})].filter(({SHOWN})).map({NAME})")
    reached = ["Skip to content"]
    while reached.count(reached[-1]) == 1:  # round and round
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.matches(':focus-visible, body')")
        reached.append(page.evaluate(f"() => ({NAME})(document.activeElement)"))
    assert set(wanted) <= set(reached)


def test_targets_are_large_enough(sample_vms: SampleVms, sample_page: Page) -> None:
    for width in (390, 1280):
        sample_page.set_viewport_size({"width": width, "height": 900})
        sample_page.goto(f"{sample_vms.root}/")
        assert sample_page.evaluate(SMALL) == []


def test_the_title_of_the_tab_is_the_answer(sample_vms: SampleVms, sample_page: Page) -> None:
    jobs = sample_vms.jobs
    answers = {
        "/": r"1 with unsaved work · dvm",
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
        sample_page.goto(sample_vms.root + path)
        expect(sample_page).to_have_title(re.compile(f"^{title}$"))


def _change_something(sample_vms: SampleVms) -> None:
    """Another list of VMs: the config of one gets another number of processors."""
    file = sample_vms.dashboard.dvm_home.paths.vm_config("still")
    text = file.read_text()
    file.write_text(text.replace("cpus: 1", "cpus: 2") if "cpus: 1" in text else text.replace("cpus: 2", "cpus: 1"))
