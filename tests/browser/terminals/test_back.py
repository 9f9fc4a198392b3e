"""Coming back: reload, a dashboard that was killed, a line that breaks, and whose size counts."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.driver.terminal import PLACE, QUERIES, Terminal
from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]


def test_e12_the_replay_sends_nothing_to_the_guest(tab: Terminal) -> None:
    everything = "".join(QUERIES.values())
    assert "\x1b[?" in tab.sent_by(everything)
    tab.run("echo rea''dy")
    tab.page.reload()
    tab.open()
    tab.shows("ready")
    tab.until("!document.querySelector('[data-terminal]').link.isReplaying")
    assert tab.sent() == ""
    tab.run("true")  # only what is typed now is sent
    assert "\x1b" not in tab.sent()


def test_a_reload_and_a_killed_dashboard_bring_the_screen_back(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    tab.run("echo before''-the-end; cd /")
    shown = tab.screen
    tab.page.reload()
    tab.open()
    tab.shows("before-the-end")
    assert tab.screen == shown
    home.dashboard.end(signal.SIGKILL)
    tab.note_shows("Retrying")
    home.dashboard.start()
    expect(tab.note).not_to_contain_text("Retrying")  # attached, not only connected
    tab.open()
    assert tab.screen == shown
    tab.run("echo in $PWD")
    assert "\nin /\n" in tab.screen, "it is the same shell"
    complaints.allow("")


def test_a_lost_connection_counts_down_and_tries_at_once_when_asked(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    home.dashboard.end(signal.SIGKILL)
    wait = tab.page.locator("[data-terminal-wait]")
    tab.until("document.querySelector('[data-terminal]').link.tries > 4")  # the next wait is a long one
    for seconds in range(10, 4, -1):
        if f"in {seconds} s." in wait.inner_text():
            expect(wait).to_have_text(f"in {seconds - 1} s.")
            break
    tries = tab.page.evaluate("document.querySelector('[data-terminal]').link.tries")
    again = tab.page.get_by_role("button", name="Retry now")
    again.press("Enter")
    tab.until("(n) => document.querySelector('[data-terminal]').link.tries < n", tries)
    home.dashboard.start()
    again.press("Enter")
    tab.open()
    expect(again).to_be_hidden()
    tab.until("document.activeElement.className === 'xterm-helper-textarea'")
    complaints.allow("")


def test_a_dashboard_that_answers_again_has_the_terminal_back_at_once(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    home.dashboard.end(signal.SIGKILL)
    tab.note_shows("Retrying")
    expect(tab.page.get_by_role("alert")).to_contain_text("The dashboard does not respond")
    # From now on it waits for ever by itself.
    tab.page.evaluate(
        """() => { const { link } = document.querySelector('[data-terminal]');
        link.count = () => {}; clearTimeout(link.timer); }"""
    )
    home.dashboard.start()
    tab.open()
    complaints.allow("")


def test_what_is_typed_before_the_first_attach_arrives_whole(home: Entered, context: BrowserContext) -> None:
    home.log_in(context).route("**/terminal/ticket", lambda route: held.append(route))
    held: list[Route] = []
    one = home.terminal(context)
    one.until("document.activeElement.className === 'xterm-helper-textarea'")
    one.page.keyboard.type("echo ear''ly")
    one.input("x" * 5000)  # more than is kept: left out whole
    one.page.keyboard.press("Enter")
    held[0].continue_()
    context.unroute("**/terminal/ticket")
    one.shows("\nearly")
    assert "x" * 80 not in one.screen
    one.end()


def test_what_is_typed_while_the_dashboard_is_gone_is_kept_and_too_much_is_reported(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    tab.print("\x1b[?1004h")  # it would like to know where the focus is: nothing of that is typed later
    home.dashboard.end(signal.SIGKILL)
    tab.note_shows("What you type is kept")
    tab.page.keyboard.type("echo la''te; #")
    tab.page.locator("[data-terminal-search]").focus()
    tab.focus()
    tab.input("x" * 5000)
    tab.note_shows("More was typed than can be kept")
    tab.page.keyboard.press("Enter")
    before = len(tab.sent())
    home.dashboard.start()
    tab.open()
    tab.shows("\nlate")
    # Where the focus is now can be reported once more, as the program asks for it again in the replay.
    assert tab.sent()[before:].removeprefix("\x1b[I") == "echo la''te; #\r"
    complaints.allow("")


def test_a_connection_that_breaks_twenty_times_loses_and_doubles_nothing(tab: Terminal) -> None:
    tab.run("stty -echo -icanon; PS1=")
    tab.input("dd bs=1 count=400 status=none | od -An -c -w40 | tr -d ' '; echo do''ne\n")
    text = "".join(chr(97 + n * 7 % 26) for n in range(400))
    for n in range(20):
        tab.page.evaluate(f"() => {PLACE}.link.ws.close()")
        tab.page.evaluate(f"() => setTimeout(() => {PLACE}.link.retryNow(), 50)")
        for letter in text[n * 20 : n * 20 + 20]:
            tab.page.keyboard.press(letter)
        tab.until(f"{PLACE}.link.isReady()")
    tab.shows("\ndone")
    got = tab.screen.rpartition("\ndone")[0].splitlines()[-10:]
    assert "".join(got) == text  # a letter whose arrival the keeper had not confirmed may have been sent again


def test_bytes_that_never_arrived_are_typed_again_and_those_that_did_are_not(tab: Terminal) -> None:
    """The browser believes that it has sent them; only the keeper knows."""
    tab.run("stty -echo")
    tab.page.evaluate(
        f"""() => {{ const {{ link }} = {PLACE}; link.term.input("echo o''ne\\n");
        const {{ ws }} = link; ws.send = () => {{}};  // as on a cable that was pulled
        link.term.input("echo t''wo\\n"); link.drop(); }}"""
    )
    tab.shows("\ntwo")
    tab.run("true")
    assert tab.screen.count("\none") == tab.screen.count("\ntwo") == 1


def test_a_screen_that_went_on_without_us_takes_no_old_keys_and_shows_what_is_missing(tab: Terminal) -> None:
    other = tab.again()
    tab.page.bring_to_front()
    tab.page.evaluate(f"() => {{ const {{ link }} = {PLACE}; link.count = () => {{}}; link.ws.close(); }}")
    tab.note_shows("What you type is kept")
    tab.input("echo o''ld\n")
    other.run("head -c 1500000 /dev/zero | tr '\\0' x | fold -w 140; echo on''ward")  # more than the keeper remembers
    other.page.close()
    tab.page.evaluate(f"() => {PLACE}.link.retryNow()")
    tab.note_shows("What you typed while the connection was lost was not sent")
    tab.shows("onward")
    tab.run("true")
    assert "old" not in tab.screen
    first = tab.value("buffer.active.getLine(0).translateToString(true)")
    assert "older output skipped" in first


def test_after_a_sleep_of_the_computer_the_connection_is_checked(tab: Terminal) -> None:
    tab.page.evaluate(f"() => {{ const {{ link }} = {PLACE}; link.count = () => {{}}; link.ws.close(); }}")
    tab.note_shows("Retrying")
    tab.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60000; }")
    tab.until(f"{PLACE}.link.isReady()")
    tab.page.evaluate(f"() => {{ const {{ link }} = {PLACE}; delete link.count; link.heardAt -= 60000; }}")
    opened = tab.page.evaluate(f"() => {PLACE}.link.openedAt")
    tab.page.evaluate(f"() => {PLACE}.link.check(true)")  # nothing came for a minute: a dead connection
    tab.until(f"(before) => {PLACE}.link.isReady() && {PLACE}.link.openedAt > before", opened)


def test_e15_two_tabs_share_the_smaller_size(home: Entered, tab: Terminal) -> None:
    large = tab.size()
    other = tab.again(600, 500)
    small = other.size()
    assert small[0] < large[0]
    tab.until(f"document.querySelector('[data-terminal]').terminal.cols === {small[0]}")
    tab.note_shows("smallest window")
    tab.run("stty size")
    assert f"\n{small[1]} {small[0]}\n" in tab.screen
    other.page.close()
    tab.page.bring_to_front()
    # Its rows come back with the note's place, a moment after its columns.
    tab.until(f"document.querySelector('[data-terminal]').terminal.cols === {large[0]}")
    tab.until(f"document.querySelector('[data-terminal]').terminal.rows === {large[1]}")
    tab.run("stty size")
    assert f"\n{large[1]} {large[0]}\n" in tab.screen
