"""Pasting, copying and searching, and a terminal that a program left in a mess."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.driver.terminal import CLIPBOARD, Terminal
from tests.browser.hostile_site import hostile_site

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]


def put_on_clipboard(tab: Terminal, text: str) -> None:
    with hostile_site() as site:
        page = tab.context.new_page()
        page.goto(site.url())
        page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        page.close()
    tab.page.bring_to_front()
    tab.focus()


def from_clipboard(tab: Terminal) -> str:
    with hostile_site() as site:
        page = tab.context.new_page()
        page.goto(site.url())
        text: str = page.evaluate("navigator.clipboard.readText()")
        page.close()
    tab.page.bring_to_front()
    return text


@pytest.mark.slow_browser
@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_e10_a_paste_cannot_end_its_own_brackets(tab: Terminal) -> None:
    tab.run("bind 'set enable-bracketed-paste off'; printf '\\033[?2004h'; cat > /dev/null & wait; true")
    tab.until("document.querySelector('[data-terminal]').terminal.modes.bracketedPasteMode")
    put_on_clipboard(tab, "a\x1b[201~rm -rf\n")
    before = len(tab.sent())
    tab.page.keyboard.press("Control+Shift+V")
    tab.until("(n) => window.sent.join('').length > n + 10", before)
    pasted = tab.sent()[before:]
    assert pasted.startswith("\x1b[200~")
    assert pasted.endswith("\x1b[201~")
    assert "\x1b" not in pasted[6:-6]
    tab.input("\x03")


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_copy_search_and_paste_by_keyboard_and_several_lines_are_asked_about(tab: Terminal) -> None:
    tab.run("clear; echo need''le in a haystack")
    tab.focus()
    tab.page.keyboard.press("Control+Shift+F")
    tab.page.keyboard.type("needle in")
    tab.page.keyboard.press("Enter")
    tab.until("document.querySelector('[data-terminal]').terminal.getSelection() === 'needle in'")
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("document.activeElement.className") == "xterm-helper-textarea"
    tab.page.keyboard.press("Control+Shift+C")
    assert from_clipboard(tab) == "needle in"
    put_on_clipboard(tab, "echo pas''ted")
    tab.page.keyboard.press("Control+Shift+V")
    tab.shows("echo pas''ted")
    tab.page.keyboard.press("Enter")
    tab.shows("\npasted")

    # E10: here each line would run at once.
    tab.run("bind 'set enable-bracketed-paste off'; printf '\\033[?2004l'")
    put_on_clipboard(tab, "echo on''e\u202e\necho tw''o\n")
    before = tab.sent()
    tab.page.keyboard.press("Control+Shift+V")
    expect(tab.question).to_contain_text("Paste 2 lines")
    assert "\u202e" not in tab.question.inner_text()
    tab.page.keyboard.press("Escape")
    expect(tab.question).to_be_hidden()
    assert tab.sent() == before
    tab.focus()
    tab.page.keyboard.press("Control+Shift+V")
    tab.question.get_by_role("button", name="Paste").click()
    tab.shows("\ntwo")


@pytest.mark.slow_browser
def test_e11_a_reset_mends_what_a_program_left_behind(tab: Terminal) -> None:
    mess = r"\033[?2026h\033[?1049h\033[?25l\033[?1006h\033[?3h\033(0\033[?1h\033[?66h\033[4h\033[5;6r\033[?1003h"
    tab.input(f"for n in {{1..2000}}; do printf '\\007'; done; printf '{mess}'\n")
    tab.until("document.querySelector('[data-terminal]').terminal.modes.mouseTrackingMode === 'any'")
    tab.page.get_by_role("button", name="Reset").click()
    tab.run("echo cle''an")
    assert "clean" in tab.viewport()
    assert tab.value("modes.mouseTrackingMode") == "none"
    assert tab.value("modes.applicationCursorKeysMode") is False
    assert tab.value("modes.insertMode") is False
    assert tab.value("modes.synchronizedOutputMode") is False
    assert tab.value("buffer.active.type") == "normal"


@pytest.mark.slow_browser
def test_e14_a_new_shell_gets_no_mouse_report_that_nobody_asked_for(tab: Terminal) -> None:
    tab.print("\x1b[?1003h\x1b[?1006h")
    before = len(tab.sent())
    tab.page.mouse.click(300, 400)
    assert "\x1b[<" in tab.sent()[before:], "the mouse is on"
    tab.input("\x15exit\n")
    tab.note_shows("ended")
    tab.page.locator("[data-terminal-again]").click()
    tab.open()
    before = len(tab.sent())
    tab.page.mouse.click(320, 420)
    tab.run("true")
    assert "\x1b[<" not in tab.sent()[before:]
    assert "\x1b[M" not in tab.sent()[before:]
