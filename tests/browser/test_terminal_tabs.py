"""Several terminals in one page: tabs that go on while another is shown, opened, named, closed; and a bell."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import Complaints
from tests.browser.entered import Entered
from tests.browser.tab import PLACE, Tab

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]
CURRENT = "#terminal-tabs a[aria-current]"


def tabs(tab: Tab) -> Locator:
    return tab.page.locator("#terminal-tabs a[data-tab]")


def new(tab: Tab) -> None:
    """Another shell, shown and ready."""
    before = tabs(tab).count()
    tab.page.get_by_role("button", name="New shell").click()
    tab.open()
    expect(tabs(tab)).to_have_count(before + 1)


def keys(tab: Tab, which: str) -> None:
    tab.page.keyboard.press(f"Control+Shift+{which}")


def test_each_tab_goes_on_and_the_address_is_that_of_the_one_shown(tab: Tab) -> None:
    first = tab.id
    tab.type("for n in $(seq 200); do echo one-$n; sleep 0.02; done\n")
    new(tab)
    assert tab.id != first
    expect(tab.page.locator(CURRENT)).to_have_attribute("data-tab", tab.id)
    tab.run("echo two")
    second = tab.id
    assert tab.page.evaluate(f"() => {PLACE}.panes.all.every((pane) => pane.link.isReady())"), "both are connected"
    assert tab.page.locator(".pane:visible").count() == 1
    keys(tab, "ArrowLeft")
    assert tab.id == first
    tab.wait_for("one-200")
    keys(tab, "ArrowLeft")  # round and round
    assert tab.id == second
    tab.page.reload()
    tab.open()
    assert tab.id == second
    tab.wait_for("\ntwo")
    tabs(tab).first.click()
    tab.open()
    assert tab.id == first
    tab.wait_for("one-200")


def test_a_hidden_terminal_makes_nobody_smaller_and_draws_without_webgl(home: Entered, tab: Tab) -> None:
    sizes = f"() => {PLACE}.panes.all.map((pane) => Boolean(pane.brush.webgl))"
    had_webgl = tab.page.evaluate(sizes)
    new(tab)
    assert tab.page.evaluate(sizes) == [False, *had_webgl]
    first = tab.page.evaluate(f"() => {PLACE}.panes.all[0].id")
    other = Tab.__new__(Tab)
    other.context, other.page = tab.context, tab.context.new_page()
    other.page.set_viewport_size({"width": 1500, "height": 1000})
    other.page.goto(f"{home.root}/vms/app/terminal?id={first}")
    other.open()
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


def test_a_terminal_that_ended_keeps_its_screen_and_its_tab_until_it_is_closed(tab: Tab) -> None:
    new(tab)
    tab.run("echo last''-words")
    ended = tab.id
    tab.type("exit\n")
    tab.says("The shell has ended.")
    keys(tab, "ArrowLeft")
    tab.run("true")
    assert "last-words" not in tab.screen
    expect(tabs(tab)).to_have_count(2)  # also when the list has come anew
    tab.page.evaluate("htmx.trigger('#terminal-tabs', 'dvm:refresh')")
    tab.page.wait_for_load_state("networkidle")
    expect(tab.page.locator(f"#terminal-tabs a[data-tab='{ended}']")).to_contain_text("Has ended")
    tab.page.locator(f"#terminal-tabs a[data-tab='{ended}']").click()
    tab.wait_for("last-words")
    tab.says("The shell has ended.")
    expect(tab.page.get_by_role("button", name="Open a new terminal")).to_be_visible()
    tab.page.get_by_role("button", name="Close terminal").click()
    expect(tabs(tab)).to_have_count(1)
    expect(tab.page.locator("[data-terminal-end]")).to_be_hidden()
    tab.run("echo go''es on")


def test_a_close_asks_only_while_something_runs(tab: Tab, complaints: Complaints) -> None:
    new(tab)
    tab.type("sleep 1000\n")
    tab.page.get_by_role("button", name="Close terminal").click()
    expect(tab.question).to_contain_text("sleep runs in it")
    tab.page.keyboard.press("Escape")
    tab.type("\x03")
    tab.run("echo still''-here")
    tab.page.get_by_role("button", name="Close terminal").click()
    expect(tabs(tab)).to_have_count(1)
    expect(tab.question).to_be_hidden()
    tab.run("echo the''-other")
    tab.type("sleep 1000\n")
    tab.page.get_by_role("button", name="Close terminal").click()
    tab.question.get_by_role("button", name="Close shell").click()
    tab.says("It was closed.")  # the last one stays to be read
    tab.wait_for("the-other")
    complaints.take("409")


def test_a_name_is_given_by_the_button_and_by_two_clicks_and_is_seen_elsewhere(
    home: Entered, tab: Tab, context: BrowserContext, complaints: Complaints
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
    tab.says("This cannot name a terminal")
    complaints.take("422")


def test_a_bell_that_nobody_saw_marks_the_title_and_its_tab(tab: Tab) -> None:
    tab.type("sleep 0.3; printf '\\a'; echo ra''ng\n")
    new(tab)
    tab.until("document.title.startsWith('● app')")
    expect(tabs(tab).first).to_have_attribute("data-rang", "")
    keys(tab, "ArrowLeft")
    tab.until("document.title.startsWith('app')")
    expect(tabs(tab).first).not_to_have_attribute("data-rang", "")
    tab.page.reload()  # what rang before is drawn again, and rings no more
    tab.open()
    tab.wait_for("rang")
    assert tab.page.title().startswith("app")


@pytest.mark.parametrize("context", [{"permissions": ["notifications"]}], indirect=True)
def test_a_notice_for_a_bell_is_shown_where_it_is_wished(tab: Tab) -> None:
    tab.page.evaluate(
        """() => { window.notices = []; window.Notification = class { constructor(title, options) {
          notices.push([title, options.tag]); } static permission = "granted";
          static requestPermission = async () => "granted"; }; }"""
    )
    first = tab.id
    tab.page.locator("#terminal-settings summary").click()
    tab.page.get_by_label("A notice when a hidden terminal rings").check()
    tab.page.keyboard.press("Escape")
    tab.type("sleep 0.3; printf '\\a\\a\\a'\n")
    new(tab)
    tab.until("window.notices.length > 0")
    tab.run("true")
    ((words, mark),) = tab.page.evaluate("window.notices")
    assert mark == f"dvm-{first}"
    assert words.startswith("app: shell")
