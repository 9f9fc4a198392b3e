"""What a program asks to copy (OSC 52) is asked about and never copied unasked; nor is a tab with a program closed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Dialog, Error, expect

from tests.browser.driver.terminal import CLIPBOARD, PLACE, Terminal
from tests.browser.entered import Entered
from tests.browser.hostile_site import hostile_site

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]


def desired(text: str, buffer: str = "c") -> str:
    return f"\x1b]52;{buffer};{base64.b64encode(text.encode()).decode()}\x07"


def write(tab: Terminal, text: str) -> None:
    """Write this to xterm as if the program had printed it just now."""
    tab.page.evaluate(f"(text) => new Promise((done) => {PLACE}.terminal.write(text, done))", text)


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_it_is_copied_when_the_user_says_so_and_not_before(tab: Terminal) -> None:
    with hostile_site() as site:  # the dashboard's own pages may not read the clipboard
        reader = tab.context.new_page()
        reader.goto(site.url())
        reader.evaluate("navigator.clipboard.writeText('mine')")
        tab.page.bring_to_front()
        tab.print(desired("x" * 42))
        line = tab.page.get_by_role("group", name="Copy from the program")
        expect(line).to_contain_text("The program asks to copy 42 characters.")
        reader.bring_to_front()
        assert reader.evaluate("navigator.clipboard.readText()") == "mine"
        tab.page.bring_to_front()
        line.get_by_role("button", name="Copy", exact=True).click()
        expect(line).to_be_hidden()
        tab.note_shows("Copied.")
        assert tab.page.evaluate("document.activeElement.className") == "xterm-helper-textarea"
        reader.bring_to_front()
        assert reader.evaluate("navigator.clipboard.readText()") == "x" * 42


def test_what_does_not_show_is_counted_and_what_is_no_wish_shows_nothing(tab: Terminal) -> None:
    line = tab.page.locator("[data-terminal-clip]")
    for text in ("\x1b]52;c;?\x07", "\x1b]52;c;\x07", "\x1b]52;\x07", "\x1b]52;c;%%%\x07", "\x1b]52;c;/////w==\x07"):
        assert tab.sent_by(text) == ""
        expect(line).to_be_hidden()
    write(tab, desired("x" * 100_000))  # more than is offered
    expect(line).to_be_hidden()
    shown = tab.page.locator("[data-terminal-clip-text]")
    for text, words in {
        "a": "The program asks to copy 1 character.",
        "a\nb\nc": "The program asks to copy 5 characters in 3 lines.",
        "a\u202eb\u200b\x1b": "The program asks to copy 5 characters, 3 of them hidden.",
        "日本🦊": "The program asks to copy 3 characters.",
        "<img src=x>": "The program asks to copy 11 characters.",
    }.items():
        write(tab, desired(text))
        expect(shown).to_have_text(words)


def test_not_here_holds_until_it_is_opened_again_and_a_replay_wants_nothing(tab: Terminal) -> None:
    line = tab.page.locator("[data-terminal-clip]")
    tab.print(desired("one"))
    line.get_by_role("button", name="Don't ask again").click()
    expect(line).to_be_hidden()
    write(tab, desired("two"))
    expect(line).to_be_hidden()
    tab.page.get_by_role("button", name="New shell").click()
    tab.until(f"{PLACE}.panes.all.length === 2 && {PLACE}.link.isReady()")
    write(tab, desired("three"))  # in another terminal it may ask
    expect(line).to_be_visible()
    tab.page.evaluate(f"() => {PLACE}.panes.show({PLACE}.panes.all[0])")
    expect(line).to_be_hidden()
    tab.page.reload()
    tab.open()
    tab.run("true")
    expect(line).to_be_hidden()


def close(tab: Terminal) -> list[str]:
    """Close the tab as Ctrl+W does; returns what the browser asks, and the user lets the tab stay."""
    asked: list[str] = []

    def hear(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.page.on("dialog", hear)
    tab.page.close(run_before_unload=True)
    for _ in range(600):
        if asked or tab.page.is_closed():
            break
        with suppress(Error):
            tab.page.wait_for_timeout(30)
    tab.page.remove_listener("dialog", hear)
    return asked


@pytest.fixture
def used(home: Entered, context: BrowserContext) -> Iterator[Terminal]:
    """A tab in which somebody has clicked and typed: only then a browser lets a page ask."""
    tab = home.terminal(context, has_webgl=False).open()
    tab.page.locator(".xterm-screen").click()
    tab.page.keyboard.type("true\n")
    tab.until(f"{PLACE}.terminal.modes.bracketedPasteMode")
    query = f"?id={tab.id}"
    yield tab
    (home.terminal(context, query).open("") if tab.page.is_closed() else tab).end()


def test_a_tab_with_an_idle_prompt_is_closed_unasked(used: Terminal) -> None:
    assert close(used) == []
    assert used.page.is_closed()


def test_a_tab_in_which_a_program_runs_is_not_closed_unasked(used: Terminal) -> None:
    for line, seen, leave in (
        ("cat", "!modes.bracketedPasteMode", ""),
        ("printf '\\033[?1049h'; cat", "buffer.active.type !== 'normal'", "\033[?1049l"),
        ("printf '\\033[?1000h'; cat", "modes.mouseTrackingMode !== 'none'", "\033[?1000l"),
    ):
        used.page.keyboard.type(f"{line}\n")
        used.until(f"() => {{ const {{ buffer, modes }} = {PLACE}.terminal; return {seen}; }}")
        assert close(used) == ["beforeunload"]
        assert not used.page.is_closed()
        used.page.keyboard.press("Control+c")
        used.until(f"{PLACE}.terminal.modes.bracketedPasteMode")
        used.run(f"printf '{leave}'")
        used.until(f"{PLACE}.terminal.modes.bracketedPasteMode")
    used.page.keyboard.type("cat\n")
    used.until(f"!{PLACE}.terminal.modes.bracketedPasteMode")
    used.page.locator("#terminal-settings summary").click()
    used.page.get_by_label("Confirm closing this page").uncheck()
    assert close(used) == []


def test_an_agent_is_asked_about_while_it_works_and_not_while_it_waits(used: Terminal) -> None:
    used.page.evaluate(f"() => {{ {PLACE}.panes.shown.command = 'claude'; }}")
    used.page.keyboard.type(
        "clear; printf '\\033]777;dvm;works\\007'; read -r; printf '\\033]777;dvm;waits\\007'; cat\n"
    )
    used.page.wait_for_selector("#terminal-tabs a[data-working]")
    assert close(used) == ["beforeunload"]
    used.page.keyboard.press("Enter")
    used.page.wait_for_selector("#terminal-tabs a[data-needs-attention]")
    assert close(used) == []
