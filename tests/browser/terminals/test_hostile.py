"""Floods, titles, queries and the clipboard: what a hostile guest tries through its terminal (threats.md E)."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.driver.terminal import CLIPBOARD, QUERIES, Terminal
from tests.browser.hostile_site import hostile_site

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]


def test_e04_ctrl_c_ends_a_flood_and_the_prompt_comes_back(tab: Terminal) -> None:
    tab.input("base64 /dev/urandom\n")
    tab.until("document.querySelector('[data-terminal]').link.acks.drawn > 3000000")
    tab.focus()
    began = time.monotonic()
    tab.page.keyboard.press("Control+c")
    tab.run("echo ba''ck")
    print(f"E04: prompt back after {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    tab.page.keyboard.type("#x")
    tab.shows("#x")
    print(f"E04: two keystrokes shown after {time.monotonic() - began:.3f} s")


def test_e04_random_bytes_leave_a_terminal_that_a_reset_mends(tab: Terminal) -> None:
    tab.input("cat /dev/urandom\n")
    tab.until("document.querySelector('[data-terminal]').link.acks.drawn > 300000")
    tab.focus()
    tab.page.keyboard.press("Control+c")
    tab.input("\x03\x15\n")  # what the noise asked for was answered: no part of a line may be left
    tab.page.get_by_role("button", name="Reset").click()
    tab.run("true")
    tab.run("echo me''nded")
    assert "mended" in tab.screen
    assert tab.page.title().startswith("app")


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_e06_the_clipboard_is_out_of_reach(tab: Terminal) -> None:
    with hostile_site() as site:  # the dashboard's own pages may not read the clipboard
        reader = tab.context.new_page()
        reader.goto(site.url())
        reader.evaluate("navigator.clipboard.writeText('mine')")
        tab.page.bring_to_front()
        for buffer in ("c", "p", "s", ""):
            assert tab.sent_by(f"\x1b]52;{buffer};ZXZpbA==\x07\x1b]52;{buffer};?\x07") == ""
        reader.bring_to_front()
        assert reader.evaluate("navigator.clipboard.readText()") == "mine"


TITLES = {
    "html": "<b>x</b><img src=x onerror=alert(1)>",
    "bidi": "\u202eother\u2066: terminal\u200b",
    "long": "x" * 50_000,
    "pose": "other: all is well",
    "marks": "\u0301" * 900,
}


def test_e08_a_title_is_short_text_behind_the_name_of_the_vm(tab: Terminal) -> None:
    for what, title in TITLES.items():
        tab.run("printf '\\033]0;none\\007'")
        tab.until("document.title === 'app: none · dvm'")
        if len(title) > 9000:
            tab.run(f"printf '\\033]0;'; for n in {{1..{len(title)}}}; do printf {title[0]}; done; printf '\\007'")
        else:
            tab.sent_by(f"\x1b]0;{title}\x07")
        tab.until("document.title.startsWith('app: ') && document.title !== 'app: none · dvm'")
        shown = tab.page.title()
        assert shown.endswith(" · dvm"), what
        assert len(shown) <= len("app:  · dvm") + 80, what
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown), what
        assert tab.page.locator("title img, main img").count() == 0, what


def test_e08_a_title_ten_thousand_times_stops_nothing(tab: Terminal) -> None:
    tab.run("for n in $(seq 10000); do printf '\\033]0;t%s\\007' $n; done")
    tab.until("document.title === 'app: t10000 · dvm'")


def test_e09_no_answer_holds_what_the_guest_chose_or_ends_a_line(tab: Terminal) -> None:
    answers = {query: tab.sent_by(text) for query, text in QUERIES.items()}
    assert {query: text for query, text in answers.items() if "evil" in text or "\r" in text or "\n" in text} == {}
    assert answers["DA1"].startswith("\x1b[?"), "the test hears answers"
    assert [answers[query] for query in ("title", "icon", "size")] == [""] * 3, "window operations are off"
