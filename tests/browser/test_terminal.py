"""What a hostile guest can do through its terminal, and what a user needs of it, in a real browser (threats.md E)."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.browser.conftest import Complaints
from tests.browser.entered import Entered, entered, login
from tests.browser.hostile_site import hostile_site
from tests.browser.tab import Tab
from tests.journey.conftest import until

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}
EVIL = "evil"  # what a guest would like to have typed into its own shell, or somebody else's


@pytest.fixture(scope="module")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    with entered(browser, is_synced=True) as one:
        yield one


@pytest.fixture
def tab(home: Entered, context: BrowserContext) -> Iterator[Tab]:
    """A tab with a fresh shell, which ends with the test."""
    one = Tab(home, home.let_in(context)).open()
    yield one
    one.end()


# -- floods ------------------------------------------------------------------------------------------------------------


def test_e04_ctrl_c_ends_a_flood_and_the_prompt_comes_back(tab: Tab) -> None:
    tab.type("base64 /dev/urandom\n")
    tab.until("document.querySelector('[data-terminal]').link.shown > 3000000")
    tab.focus()
    began = time.monotonic()
    tab.page.keyboard.press("Control+c")
    tab.run("echo ba''ck")
    print(f"E04: prompt back after {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    tab.page.keyboard.type("#x")
    tab.wait_for("#x")
    print(f"E04: two keystrokes shown after {time.monotonic() - began:.3f} s")


def test_e04_random_bytes_leave_a_terminal_that_a_reset_mends(tab: Tab) -> None:
    tab.type("cat /dev/urandom\n")
    tab.until("document.querySelector('[data-terminal]').link.shown > 300000")
    tab.focus()
    tab.page.keyboard.press("Control+c")
    tab.type("\x03\x15\n")  # what the noise asked for was answered: no part of a line may be left
    tab.page.get_by_role("button", name="Reset").click()
    tab.run("true")
    tab.run("echo me''nded")
    assert "mended" in tab.screen
    assert tab.page.title().startswith("app")


# -- what a guest may not reach ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_e06_the_clipboard_is_out_of_reach(tab: Tab) -> None:
    with hostile_site() as site:  # the dashboard's own pages may not read the clipboard
        reader = tab.context.new_page()
        reader.goto(site.url())
        reader.evaluate("navigator.clipboard.writeText('mine')")
        tab.page.bring_to_front()
        for buffer in ("c", "p", "s", ""):
            assert tab.sent_by(f"\x1b]52;{buffer};ZXZpbA==\x07\x1b]52;{buffer};?\x07") == ""
        reader.bring_to_front()
        assert reader.evaluate("navigator.clipboard.readText()") == "mine"


def test_e07_a_link_that_is_no_web_address_is_dead(tab: Tab) -> None:
    for target in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "vbscript:x"):
        tab.run("clear")
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\https://good.example\x1b]8;;\x1b\\\r\n")
        tab.click_text("https://good")
        tab.click_text("https://good")
        # Text that looks like an address is one by itself; its true target is the only one that may be asked for.
        if tab.question.is_visible():
            assert target not in tab.question.inner_text()
            tab.page.keyboard.press("Escape")
        assert len(tab.context.pages) == 1, target


def test_e07_a_web_link_opens_only_after_its_true_address_was_shown(tab: Tab) -> None:
    with hostile_site() as site:
        target = site.url("/linked")
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\good.example, honestly\x1b]8;;\x1b\\\r\n")
        tab.click_text("good.example")
        expect(tab.question).to_contain_text(target)
        tab.page.keyboard.press("Escape")
        expect(tab.question).to_be_hidden()
        assert site.paths() == []
        tab.click_text("good.example")
        with tab.context.expect_page() as opened:
            tab.question.get_by_role("button", name="Open").click()
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
        assert "Referer" not in site.asked[0].headers
        assert "Cookie" not in site.asked[0].headers


TITLES = {
    "html": "<b>x</b><img src=x onerror=alert(1)>",
    "bidi": "\u202eother\u2066: terminal\u200b",
    "long": "x" * 50_000,
    "pose": "other: all is well",
    "marks": "\u0301" * 900,
}


def test_e08_a_title_is_short_text_behind_the_name_of_the_vm(tab: Tab) -> None:
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


def test_e08_a_title_ten_thousand_times_stops_nothing(tab: Tab) -> None:
    tab.run("for n in $(seq 10000); do printf '\\033]0;t%s\\007' $n; done")
    tab.until("document.title === 'app: t10000 · dvm'")


QUERIES = {
    "DA1": "\x1b[c",
    "DA2": "\x1b[>c",
    "DA3": "\x1b[=c",
    "DSR": "\x1b[5n\x1b[6n\x1b[?6n",
    "title": "\x1b]0;evil\x07\x1b[21t",
    "icon": "\x1b]1;evil\x07\x1b[20t",
    "size": "\x1b[18t\x1b[14t\x1b[19t",
    "colours": "\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;?\x07\x1b]12;?\x07",
    "XTVERSION": "\x1b[>q",
    "DECRQM": "\x1b[?2004$p\x1b[4$p",
    "DECRQSS": "\x1bP$qm\x1b\\\x1bP$qevil\r\n\x1b\\",
    "XTGETTCAP": "\x1bP+q6576696c\x1b\\",
    "ENQ": "\x05",
    "font": "\x1b]50;evil\x07\x1b]50;?\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07\x1b]52;c;?\x07",
    "answerback in a link": "\x1b]8;id=evil;http://evil\x07x\x1b]8;;\x07",
}


def test_e09_no_answer_holds_what_the_guest_chose_or_ends_a_line(tab: Tab) -> None:
    answers = {query: tab.sent_by(text) for query, text in QUERIES.items()}
    assert {query: text for query, text in answers.items() if "evil" in text or "\r" in text or "\n" in text} == {}
    assert answers["DA1"].startswith("\x1b[?"), "the test hears answers"
    assert [answers[query] for query in ("title", "icon", "size")] == [""] * 3, "window operations are off"


# -- pasting -----------------------------------------------------------------------------------------------------------


def put_on_clipboard(tab: Tab, text: str) -> None:
    with hostile_site() as site:
        page = tab.context.new_page()
        page.goto(site.url())
        page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        page.close()
    tab.page.bring_to_front()
    tab.focus()


def from_clipboard(tab: Tab) -> str:
    with hostile_site() as site:
        page = tab.context.new_page()
        page.goto(site.url())
        text: str = page.evaluate("navigator.clipboard.readText()")
        page.close()
    tab.page.bring_to_front()
    return text


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_e10_a_paste_cannot_end_its_own_brackets(tab: Tab) -> None:
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
    tab.type("\x03")


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_e10_several_lines_are_asked_for_where_each_would_run_at_once(tab: Tab) -> None:
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
    tab.wait_for("\ntwo")


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_copy_paste_and_search_by_keyboard(tab: Tab) -> None:
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
    tab.wait_for("echo pas''ted")
    tab.page.keyboard.press("Enter")
    tab.wait_for("\npasted")


# -- a terminal that was left in a mess --------------------------------------------------------------------------------


def test_e11_a_reset_mends_what_a_program_left_behind(tab: Tab) -> None:
    mess = r"\033[?2026h\033[?1049h\033[?25l\033[?1006h\033[?3h\033(0\033[?1h\033[?66h\033[4h\033[5;6r\033[?1003h"
    tab.type(f"for n in {{1..2000}}; do printf '\\007'; done; printf '{mess}'\n")
    tab.until("document.querySelector('[data-terminal]').terminal.modes.mouseTrackingMode === 'any'")
    tab.page.get_by_role("button", name="Reset").click()
    tab.run("echo cle''an")
    assert "clean" in tab.viewport()
    assert tab.value("modes.mouseTrackingMode") == "none"
    assert tab.value("modes.applicationCursorKeysMode") is False
    assert tab.value("modes.insertMode") is False
    assert tab.value("modes.synchronizedOutputMode") is False
    assert tab.value("buffer.active.type") == "normal"


def test_e14_a_new_shell_gets_no_mouse_report_that_nobody_asked_for(tab: Tab) -> None:
    tab.print("\x1b[?1003h\x1b[?1006h")
    before = len(tab.sent())
    tab.page.mouse.click(300, 400)
    assert "\x1b[<" in tab.sent()[before:], "the mouse is on"
    tab.type("\x15exit\n")
    tab.says("ended")
    tab.page.locator("[data-terminal-again]").click()
    tab.open()
    before = len(tab.sent())
    tab.page.mouse.click(320, 420)
    tab.run("true")
    assert "\x1b[<" not in tab.sent()[before:]
    assert "\x1b[M" not in tab.sent()[before:]


# -- coming back -------------------------------------------------------------------------------------------------------


def test_e12_the_replay_sends_nothing_to_the_guest(tab: Tab) -> None:
    everything = "".join(QUERIES.values())
    assert "\x1b[?" in tab.sent_by(everything)
    tab.run("echo rea''dy")
    tab.page.reload()
    tab.open()
    tab.wait_for("ready")
    tab.until("!document.querySelector('[data-terminal]').link.isReplaying")
    assert tab.sent() == ""
    tab.run("true")  # only what is typed now is sent
    assert "\x1b" not in tab.sent()


def test_a_reload_and_a_killed_dashboard_bring_the_screen_back(home: Entered, tab: Tab, complaints: Complaints) -> None:
    tab.run("echo before''-the-end; cd /")
    shown = tab.screen
    tab.page.reload()
    tab.open()
    tab.wait_for("before-the-end")
    assert tab.screen == shown
    home.dashboard.end(signal.SIGKILL)
    tab.says("Trying again")
    home.dashboard.start()
    expect(tab.note).not_to_contain_text("Trying again")  # attached, not only connected
    tab.open()
    assert tab.screen == shown
    tab.run("echo in $PWD")
    assert "\nin /\n" in tab.screen, "it is the same shell"
    complaints.lines.clear()


def test_a_lost_connection_counts_down_and_tries_at_once_when_told(
    home: Entered, tab: Tab, complaints: Complaints
) -> None:
    home.dashboard.end(signal.SIGKILL)
    wait = tab.page.locator("[data-terminal-wait]")
    tab.until("document.querySelector('[data-terminal]').link.tries > 4")  # the next wait is a long one
    for seconds in range(10, 4, -1):
        if f"in {seconds} s." in wait.inner_text():
            expect(wait).to_have_text(f"in {seconds - 1} s.")
            break
    tries = tab.page.evaluate("document.querySelector('[data-terminal]').link.tries")
    again = tab.page.get_by_role("button", name="Try now")
    again.press("Enter")
    tab.until("(n) => document.querySelector('[data-terminal]').link.tries < n", tries)
    home.dashboard.start()
    again.press("Enter")
    tab.open()
    expect(again).to_be_hidden()
    tab.until("document.activeElement.className === 'xterm-helper-textarea'")
    complaints.lines.clear()


def test_a_dashboard_that_answers_again_has_the_terminal_back_at_once(
    home: Entered, tab: Tab, complaints: Complaints
) -> None:
    home.dashboard.end(signal.SIGKILL)
    tab.says("Trying again")
    expect(tab.page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    # From now on it waits for ever by itself.
    tab.page.evaluate(
        """() => { const { link } = document.querySelector('[data-terminal]');
        link.count = () => {}; clearTimeout(link.timer); }"""
    )
    home.dashboard.start()
    tab.open()
    complaints.lines.clear()


def test_what_is_typed_before_the_first_attach_arrives_whole_and_later_not(
    home: Entered, context: BrowserContext, complaints: Complaints
) -> None:
    home.let_in(context).route("**/terminal/ticket", lambda route: held.append(route))
    held: list[Route] = []
    one = Tab(home, context)
    one.until("document.activeElement.className === 'xterm-helper-textarea'")
    one.page.keyboard.type("echo ear''ly")
    one.type("x" * 5000)  # more than is kept: left out whole
    one.page.keyboard.press("Enter")
    held[0].continue_()
    context.unroute("**/terminal/ticket")
    one.wait_for("\nearly")
    assert "x" * 80 not in one.screen
    home.dashboard.end(signal.SIGKILL)
    one.says("Trying again")
    one.page.keyboard.type("echo la''te\n")
    home.dashboard.start()
    one.open()
    one.run("true")
    assert "late" not in one.screen
    assert "la''te" not in one.sent()
    one.end()
    complaints.lines.clear()


def test_e15_two_tabs_share_the_smaller_size(home: Entered, tab: Tab) -> None:
    large = tab.size()
    other = Tab.__new__(Tab)
    other.context, other.page = tab.context, tab.context.new_page()
    other.page.set_viewport_size({"width": 600, "height": 500})
    other.page.goto(tab.page.url)
    other.open()
    small = other.size()
    assert small[0] < large[0]
    tab.until(f"document.querySelector('[data-terminal]').terminal.cols === {small[0]}")
    tab.says("smallest window")
    tab.run("stty size")
    assert f"\n{small[1]} {small[0]}\n" in tab.screen
    other.page.close()
    tab.page.bring_to_front()
    # Its rows come back with the note's place, a moment after its columns.
    tab.until(f"document.querySelector('[data-terminal]').terminal.cols === {large[0]}")
    tab.until(f"document.querySelector('[data-terminal]').terminal.rows === {large[1]}")
    tab.run("stty size")
    assert f"\n{large[1]} {large[0]}\n" in tab.screen


# -- who may look ------------------------------------------------------------------------------------------------------


def test_e17_only_a_terminal_that_is_there_opens_and_only_by_a_ticket(
    home: Entered, tab: Tab, complaints: Complaints
) -> None:
    guessed = Tab(home, tab.context, "?id=" + "a" * 32)
    expect(guessed.note).not_to_be_empty()
    expect(guessed.page.locator("[data-terminal-again]")).to_be_visible()
    assert guessed.page.evaluate("document.querySelector('[data-terminal]').link.ws ?? null") is None
    ends = tab.page.evaluate(
        """async ([root, id]) => Promise.all([id, "a".repeat(32), "../vms", id + "/../" + id].map((one) =>
        new Promise((done) => {
          const ws = new WebSocket(`${root.replace("http", "ws")}/terminals/${one}/socket?ticket=x`);
          ws.onopen = () => done("open"); ws.onclose = (event) => done(event.code); })))""",
        [home.root, tab.id],
    )
    assert ends == [1006] * 4
    other_vm = tab.page.evaluate(
        """async ([root, id]) => { const csrf = document.querySelector('[name=csrf]').value;
        const answer = await fetch(root + "/vms/other/terminal/ticket", { method: "POST",
          body: new URLSearchParams({ csrf, id }) }); return answer.status; }""",
        [home.root, tab.id],
    )
    assert other_vm == 404
    complaints.lines.clear()


def test_a_session_that_is_logged_out_elsewhere_closes_the_terminal_with_a_sentence(
    home: Entered, browser: Browser, context: BrowserContext, complaints: Complaints
) -> None:
    context.add_cookies([{**login(browser, home.dashboard)}])  # type: ignore[typeddict-item]
    one = Tab(home, context).open()
    one.run("true")
    elsewhere = context.new_page()
    elsewhere.goto(home.root + "/help")
    elsewhere.get_by_role("button", name="Log out", exact=True).click()
    one.says("You are logged out. Get a new address with: dvm web --url")
    assert one.page.evaluate("document.querySelector('[data-terminal]').link.isOver")
    complaints.lines.clear()


def test_e21_a_vm_that_is_stopped_says_so_in_its_terminal(home: Entered, tab: Tab, complaints: Complaints) -> None:
    tab.run("echo last''-words")
    home.house.ok("stop", "app")
    expect(tab.page.locator("[data-terminal-again]")).to_be_visible()
    expect(tab.note).to_contain_text("was stopped")
    print("E21:", tab.note.inner_text())
    assert "last-words" in tab.screen, "what was there can still be read"
    assert tab.page.evaluate("document.querySelector('[data-terminal]').link.isOver"), "it does not try again"
    elsewhere = tab.context.new_page()
    elsewhere.goto(home.root + "/vms/app")
    until(lambda: bool(elsewhere.reload()) and "stopped" in elsewhere.title())  # the dashboard looks once a second
    tab.page.locator("[data-terminal-again]").click()
    expect(tab.note).to_contain_text("app is stopped")
    complaints.take("409")
