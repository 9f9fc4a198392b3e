"""Several terminals in one page: tabs that go on while another is shown, opened, named, closed; and a bell."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.driver.terminal import PLACE, Terminal
from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]
CURRENT = "#terminal-tabs a[aria-current]"


def tabs(tab: Terminal) -> Locator:
    return tab.page.locator("#terminal-tabs a[data-tab]")


def new(tab: Terminal) -> None:
    """Another shell, shown and ready."""
    before = tabs(tab).count()
    tab.page.get_by_role("button", name="New shell").click()
    tab.open()
    expect(tabs(tab)).to_have_count(before + 1)


def keys(tab: Terminal, which: str) -> None:
    tab.page.keyboard.press(f"Control+Shift+{which}")


def test_each_tab_goes_on_and_the_address_is_that_of_the_one_shown(tab: Terminal) -> None:
    first = tab.id
    tab.input("for n in $(seq 200); do echo one-$n; sleep 0.02; done\n")
    new(tab)
    assert tab.id != first
    expect(tab.page.locator(CURRENT)).to_have_attribute("data-tab", tab.id)
    tab.run("echo two")
    second = tab.id
    assert tab.page.evaluate(f"() => {PLACE}.panes.all.every((pane) => pane.link.isReady())"), "both are connected"
    assert tab.page.locator(".pane:visible").count() == 1
    keys(tab, "ArrowLeft")
    assert tab.id == first
    tab.shows("one-200")
    keys(tab, "ArrowLeft")  # round and round
    assert tab.id == second
    tab.page.reload()
    tab.open()
    assert tab.id == second
    tab.shows("\ntwo")
    tabs(tab).first.click()
    tab.open()
    assert tab.id == first
    tab.shows("one-200")


@pytest.mark.slow_browser
def test_a_hidden_terminal_makes_nobody_smaller_and_draws_without_webgl(home: Entered, tab: Terminal) -> None:
    sizes = f"() => {PLACE}.panes.all.map((pane) => Boolean(pane.brush.webgl))"
    had_webgl = tab.page.evaluate(sizes)
    new(tab)
    assert tab.page.evaluate(sizes) == [False, *had_webgl]
    first = tab.page.evaluate(f"() => {PLACE}.panes.all[0].id")
    other = tab.again(1500, 1000, f"?id={first}")
    large = other.size()
    other.run("stty size")
    assert f"\n{large[1]} {large[0]}\n" in other.screen
    other.page.close()
    tab.page.bring_to_front()
    keys(tab, "ArrowLeft")
    own = tab.page.evaluate(f"() => [{PLACE}.link.size.cols, {PLACE}.link.size.rows]")
    tab.until(f"(cols) => {PLACE}.terminal.cols === cols", own[0])
    tab.run("stty size")
    assert f"\n{own[1]} {own[0]}\n" in tab.screen


def test_a_terminal_that_ended_stays_to_be_read_and_a_close_asks_only_while_something_runs(
    tab: Terminal, complaints: Complaints
) -> None:
    new(tab)
    tab.run("echo last''-words")
    ended = tab.id
    tab.input("exit\n")
    tab.note_shows("The shell ended.")
    keys(tab, "ArrowLeft")
    tab.run("true")
    assert "last-words" not in tab.screen
    expect(tabs(tab)).to_have_count(2)  # also when the list has come again
    tab.page.evaluate("htmx.trigger('#terminal-tabs', 'dvm:refresh')")
    tab.page.wait_for_load_state("networkidle")
    expect(tab.page.locator(f"#terminal-tabs a[data-tab='{ended}']")).to_contain_text("Ended")
    tab.page.locator(f"#terminal-tabs a[data-tab='{ended}']").click()
    tab.shows("last-words").note_shows("The shell ended.")
    expect(tab.page.get_by_role("button", name="Open a new terminal")).to_be_visible()
    tab.close()
    expect(tabs(tab)).to_have_count(1)
    expect(tab.page.locator("[data-terminal-end]")).to_be_hidden()

    new(tab)
    tab.input("sleep 1000\n")
    tab.close()
    expect(tab.question).to_contain_text("sleep is running in it")
    tab.page.keyboard.press("Escape")
    tab.input("\x03")
    tab.run("echo still''-here")
    tab.close()
    expect(tabs(tab)).to_have_count(1)
    expect(tab.question).to_be_hidden()
    tab.run("echo the''-other")
    tab.input("sleep 1000\n")
    tab.close()
    tab.question.get_by_role("button", name="Close shell").click()
    tab.note_shows("The terminal was closed.")  # the last one stays to be read
    tab.shows("the-other")
    complaints.expect("409")


def test_a_name_is_given_by_the_button_and_by_two_clicks_and_is_seen_elsewhere(
    home: Entered, tab: Terminal, context: BrowserContext, complaints: Complaints
) -> None:
    tab.page.get_by_role("button", name="Rename terminal").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("build")
    tab.page.keyboard.press("Enter")
    expect(tabs(tab)).to_contain_text("build")
    tab.page.locator(CURRENT).dblclick()
    expect(dialog.get_by_role("textbox")).to_have_value("build")
    dialog.get_by_role("textbox").fill("tests & <b>more</b>")
    dialog.get_by_role("button", name="Rename").click()
    elsewhere = context.new_page()
    elsewhere.goto(f"{home.root}/terminals")
    expect(elsewhere.get_by_role("main")).to_contain_text("tests & <b>more</b>")
    tab.page.bring_to_front()
    tab.page.get_by_role("button", name="Rename terminal").click()
    dialog.get_by_role("textbox").fill("\u202eevil")
    tab.page.keyboard.press("Enter")
    tab.note_shows("This is not a valid terminal name")
    complaints.expect("422")


def test_a_bell_that_nobody_saw_marks_the_title_and_its_tab(tab: Terminal) -> None:
    tab.input("echo re''ady; read -r; printf '\\a'; echo ra''ng\n")
    tab.shows("ready")
    new(tab)
    tab.page.evaluate(f"() => {PLACE}.panes.all[0].term.input('\\r')")  # only now it rings, out of sight
    tab.until("document.title.startsWith('● app')")
    expect(tabs(tab).first).to_have_attribute("data-rang", "")
    keys(tab, "ArrowLeft")
    tab.until("document.title.startsWith('app')")
    expect(tabs(tab).first).not_to_have_attribute("data-rang", "")
    tab.page.reload()  # what rang before is drawn again, and rings no more
    tab.open()
    tab.shows("rang")
    assert tab.page.title().startswith("app")


@pytest.mark.slow_browser
@pytest.mark.parametrize("context", [{"permissions": ["notifications"]}], indirect=True)
def test_a_notice_for_a_bell_is_shown_where_it_is_wished(tab: Terminal) -> None:
    tab.page.evaluate(
        """() => { window.notices = []; window.Notification = class { constructor(title, options) {
          notices.push([title, options.tag]); } static permission = "granted";
          static requestPermission = async () => "granted"; }; }"""
    )
    first = tab.id
    tab.page.locator("#terminal-settings summary").click()
    tab.page.get_by_label("Notify when a hidden terminal rings").check()
    tab.page.keyboard.press("Escape")
    tab.input("sleep 0.3; printf '\\a\\a\\a'\n")
    new(tab)
    tab.until("window.notices.length > 0")
    tab.run("true")
    ((words, mark),) = tab.page.evaluate("window.notices")
    assert mark == f"dvm-{first}"
    assert words.startswith("app: shell")
