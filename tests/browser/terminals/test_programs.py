"""Full-screen programs, wide letters and long output: resized, loaded again, the line broken, the dashboard killed."""

from __future__ import annotations

import itertools
import signal

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.driver.terminal import PLACE, Terminal
from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered
from tests.needs import needs

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]
WIDE = "日本語 한국어 ｆｕｌｌ"
EMOJI = "🦊🐢🌍"
MEGABYTES = 10


def break_line(tab: Terminal, times: int = 1) -> None:
    """Break the line and come back, as often as that."""
    for _ in range(times):
        before = tab.page.evaluate(
            f"""() => {{ const {{ link }} = {PLACE}; link.ws.close(); setTimeout(() => link.retryNow(), 20);
            return link.openedAt; }}"""
        )
        tab.until(f"(before) => {PLACE}.link.isReady() && {PLACE}.link.openedAt > before", before)


def is_left(tab: Terminal) -> None:
    """The shell reads again; what is typed before that, a program may throw away with its last act."""
    tab.until(
        f"""() => {{ const buffer = {PLACE}.terminal.buffer.active;
        const line = buffer.getLine(buffer.baseY + buffer.cursorY)?.translateToString(true) ?? "";
        return buffer.type === "normal" && line.trimEnd().endsWith("$"); }}"""
    )


def is_at_rest(tab: Terminal) -> None:
    """The program has the size of the window."""
    tab.until(f"{PLACE}.link.isReady() && {PLACE}.terminal.rows === {PLACE}.link.size.rows")


def shown(tab: Terminal) -> str:
    return "\n".join(tab.viewport())


def wait_shown(tab: Terminal, text: str) -> None:
    """Wait until it stands in what can be seen, not only in what was."""
    tab.until(
        f"""(text) => {{ const {{ terminal }} = {PLACE}, buffer = terminal.buffer.active;
        return [...Array(terminal.rows).keys()].some((row) =>
          buffer.getLine(buffer.viewportY + row)?.translateToString(true).includes(text)); }}""",
        text,
    )


@needs("vim")
def test_vim_through_resize_reload_a_broken_line_and_a_killed_dashboard(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    tab.run("cd; rm -f .vim* note.txt; seq 1 400 > note.txt")
    tab.input("vim -u NONE -c 'set nu ruler mouse=' note.txt\n")
    wait_shown(tab, "10 10")
    tab.page.keyboard.type("50Go")
    tab.page.keyboard.type(f"first {EMOJI} ")
    tab.page.set_viewport_size({"width": 900, "height": 600})
    tab.page.keyboard.insert_text(WIDE)
    tab.until(f"{PLACE}.terminal.cols < 120")
    is_at_rest(tab)
    tab.page.reload()
    tab.open("")
    wait_shown(tab, f"first {EMOJI} {WIDE}")
    tab.focus()
    for letter in " a line that breaks":
        break_line(tab)
        tab.page.keyboard.press("Space" if letter == " " else letter)
    home.dashboard.end(signal.SIGKILL)
    tab.note_shows("What you type is kept")
    tab.page.keyboard.type(" and a death")
    home.dashboard.start()
    tab.until(f"{PLACE}.link.isReady()")
    wait_shown(tab, f"{WIDE} a line that breaks and a death")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.type(":wq\n")
    is_left(tab)
    tab.run("clear; sed -n 51p note.txt; wc -l note.txt")
    assert f"first {EMOJI} {WIDE} a line that breaks and a death\n401 note.txt" in tab.screen
    assert tab.value("buffer.active.type") == "normal"
    complaints.allow("")


@needs("htop")
def test_htop_draws_itself_at_every_size_and_after_a_reload(tab: Terminal) -> None:
    tab.input("htop -d 5\n")
    wait_shown(tab, "F10")
    tab.page.set_viewport_size({"width": 1000, "height": 560})
    tab.until(f"{PLACE}.terminal.cols < 125")
    is_at_rest(tab)
    tab.until(f"{PLACE}.terminal.buffer.active.getLine({PLACE}.terminal.rows - 1).translateToString().includes('F10')")
    tab.page.reload()
    tab.open("")
    wait_shown(tab, "F10")
    break_line(tab)
    tab.focus()
    tab.page.keyboard.press("F10")
    is_left(tab)
    tab.run("echo ba''ck")
    assert tab.value("buffer.active.type") == "normal"


@needs("tmux")
def test_tmux_with_two_panes_comes_back_as_it_was(tab: Terminal) -> None:
    tab.run("tmux -L t kill-server 2>/dev/null; true")
    tab.input("tmux -L t -f /dev/null new -s one\n")
    wait_shown(tab, "[one]")
    tab.page.keyboard.press("Control+b")
    tab.page.keyboard.type("%")
    wait_shown(tab, "│")
    tab.page.keyboard.type(f"echo right-{EMOJI}-$((40+2))\n")
    wait_shown(tab, f"right-{EMOJI}-42")
    tab.page.set_viewport_size({"width": 1000, "height": 560})
    tab.until(f"{PLACE}.terminal.cols < 125")
    is_at_rest(tab)
    tab.page.reload()
    tab.open("")
    wait_shown(tab, f"right-{EMOJI}-42")
    wait_shown(tab, "│")
    break_line(tab)
    tab.focus()
    tab.page.keyboard.type("tmux -L t kill-server\n")
    tab.shows("exited]")
    is_left(tab)
    tab.run("echo ba''ck")


def test_wide_characters_and_emoji_stand_where_the_shell_thinks(tab: Terminal) -> None:
    tab.run(f"clear; printf '%s|\\n' '{WIDE}' '{EMOJI}' 'e\u0301'")
    lines = [line for line in tab.viewport() if line.endswith("|")]
    assert lines == [f"{WIDE}|", f"{EMOJI}|", "e\u0301|"]
    cells = tab.page.evaluate(
        f"""() => {{ const buffer = {PLACE}.terminal.buffer.active, found = [];
        for (let row = 0; row < 3; row++) {{ const line = buffer.getLine(buffer.viewportY + row);
          for (let cell = 0; cell < line.length; cell++) if (line.getCell(cell).getChars() === "|") found.push(cell); }}
        return found; }}"""
    )
    assert cells == [22, 6, 1]


def test_a_long_output_arrives_whole_through_a_reload_and_broken_lines(tab: Terminal) -> None:
    """What is seen last is the end; the keeper holds the program back for a viewer that is slow."""
    tab.input(f"seq -f 'line %.0f of a long output, some forty letters wide' 1 {MEGABYTES * 18000}; echo e''nd\n")
    tab.until(f"{PLACE}.link.acks.drawn > 2000000")
    break_line(tab, 3)
    tab.until(f"{PLACE}.link.acks.drawn > 5000000")
    tab.page.reload()
    tab.until(f"{PLACE}?.link?.isReady()")
    tab.shows("\nend")
    rows = [line for line in tab.screen.splitlines() if line.startswith("line ")][-300:]
    numbers = [int(row.split()[1]) for row in rows]
    assert numbers == list(range(MEGABYTES * 18000 - 299, MEGABYTES * 18000 + 1))
    tab.run("echo ba''ck")


def test_a_gap_is_shown_on_the_screen(tab: Terminal, context: BrowserContext) -> None:
    """A viewer that is slow beside a fast one misses some output; the screen shows the gap and goes on."""
    slow = tab.again()
    slow.page.evaluate(f"() => {{ {PLACE}.link.acks.send = () => {{}}; }}")
    tab.page.bring_to_front()
    tab.run("for n in {1..2600}; do printf 'line %s %0680d\\n' $n 0; done")  # more than the keeper remembers
    slow.page.evaluate(f"() => {{ const {{ link }} = {PLACE}; delete link.acks.send; link.acks.send(); }}")
    slow.shows("line 2600 ")
    rows = slow.page.evaluate(
        f"""() => {{ const buffer = {PLACE}.terminal.buffer.active, found = [];
        for (let row = 0; row < buffer.length; row++) {{ const text = buffer.getLine(row).translateToString(true);
          if (/^line |skipped …/.test(text)) found.push(text.trim().slice(0, 40)); }}
        return found; }}"""
    )
    gap = "… output skipped …"
    assert gap in rows
    for one, next_one in itertools.pairwise(rows):  # lines are missing, or parts, only at a shown gap
        if gap not in (one, next_one):
            assert int(next_one.split()[1]) == int(one.split()[1]) + 1
    slow.run("echo go''es on")
