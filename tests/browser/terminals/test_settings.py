"""How a person likes terminals: theme, letters, full screen, keys of a telephone, a screen reader, copying."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.driver.terminal import CLIPBOARD, PLACE, Terminal
from tests.browser.entered import Entered
from tests.browser.hostile_site import hostile_site

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIZE = 14
LARGEST = 28


def choose(tab: Terminal, label: str) -> None:
    tab.page.locator("#terminal-settings summary").click()
    tab.page.get_by_label(label).check()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_label(label)).to_be_hidden()


def ground(tab: Terminal) -> int:
    """How bright the ground of the terminal is, 0 to 255."""
    red = re.match(r"rgb\((\d+)", tab.value("options.theme.background"))
    assert red
    return int(red[1])


def test_the_colours_follow_the_theme_while_it_runs(tab: Terminal) -> None:
    tab.page.emulate_media(color_scheme="light")
    tab.until(f"{PLACE}.terminal.options.theme.background === 'rgb(255, 255, 255)'")
    tab.page.emulate_media(color_scheme="dark")
    tab.until(f"{PLACE}.terminal.options.theme.background === 'rgb(16, 18, 22)'")
    switch = tab.page.locator("[data-theme-switch]")
    switch.click()  # light, whatever the system's theme is
    tab.until(f"{PLACE}.terminal.options.theme.background === 'rgb(255, 255, 255)'")
    assert tab.value("options.theme.red") == "rgb(163, 33, 27)"
    switch.click()
    tab.until(f"{PLACE}.terminal.options.theme.background === 'rgb(16, 18, 22)'")
    switch.click()  # the system's again: the dashboard remembers it, and other tests share the dashboard
    tab.run("echo still''-there")


FORCED: dict[str, Any] = {"forced_colors": "active"}


@pytest.mark.parametrize("context", [FORCED], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_high_contrast_leaves_the_terminal_its_colours(tab: Terminal, scheme: Any) -> None:
    tab.page.emulate_media(color_scheme=scheme, forced_colors="none")
    ground = "getComputedStyle(document.querySelector('[data-terminal]')).backgroundColor"
    tab.until(f"{ground} === {PLACE}.terminal.options.theme.background")  # the terminal follows a moment later
    usual = tab.value("options.theme")
    tab.page.emulate_media(color_scheme=scheme, forced_colors="active")
    tab.page.reload()
    tab.open()
    assert tab.value("options.theme") == usual
    assert len({tab.value(f"options.theme.{name}") for name in ("red", "green", "blue", "yellow", "background")}) == 5
    tab.page.evaluate(f"() => {PLACE}.panes.shown.brush.stop()")  # drawn by elements, which the browser may recolour
    tab.run("printf '\\033[31m%s\\033[0m\\n' re''d")
    tab.until("[...document.querySelectorAll('.xterm-rows span')].some((one) => one.textContent === 'red')")
    red, ground, padding = tab.page.evaluate(
        """() => { const style = (one) => getComputedStyle(one);
        const span = [...document.querySelectorAll(".xterm-rows span")].find((one) => one.textContent === "red");
        return [style(span).color, style(document.querySelector(".xterm-viewport")).backgroundColor,
          style(document.querySelector("[data-terminal]")).backgroundColor]; }"""
    )
    assert (red, ground, padding) == (usual["red"], usual["background"], usual["background"])


def test_the_colours_are_read_again_when_high_contrast_is_switched(tab: Terminal) -> None:
    tab.page.evaluate(f"() => {{ {PLACE}.terminal.options.theme = {{ red: '#123456' }}; }}")
    tab.page.emulate_media(forced_colors="active")
    tab.until(f"{PLACE}.terminal.options.theme.red !== '#123456'")


def test_a_font_of_the_computer_is_used_in_all_tabs_and_one_that_is_not_there_is_reported(tab: Terminal) -> None:
    usual = tab.value("options.fontFamily")
    tab.page.locator("#terminal-settings summary").click()
    field, note = tab.page.get_by_label("Font", exact=True), tab.page.locator("[data-font-note]")
    expect(field).to_have_value("")
    assert tab.page.locator("#terminal-fonts option[value='JetBrainsMono Nerd Font']").count() == 1
    field.fill('No Such "Font, DejaVu Sans')
    field.press("Enter")
    tab.until(f'{PLACE}.terminal.options.fontFamily.startsWith(\'"No Such Font", "DejaVu Sans", \')')
    expect(note).to_be_visible()
    assert tab.value("options.fontFamily").endswith(usual)
    tab.page.reload()
    tab.open()
    assert tab.value("options.fontFamily").startswith('"No Such Font"')
    tab.page.locator("#terminal-settings summary").click()
    expect(field).to_have_value('No Such "Font, DejaVu Sans')
    field.fill("")
    field.press("Tab")
    tab.until(f"(usual) => {PLACE}.terminal.options.fontFamily === usual", usual)
    expect(note).to_be_hidden()


def test_the_letters_grow_by_key_and_by_button_in_all_tabs_and_stay_so(home: Entered, tab: Terminal) -> None:
    before = tab.size()
    tab.page.keyboard.press("Control+Shift+Equal")
    tab.page.keyboard.press("Control+Shift+Equal")
    tab.page.keyboard.press("Control+Shift+Comma")
    assert tab.value("options.fontSize") == SIZE + 1
    tab.page.locator("#terminal-settings summary").click()
    tab.page.get_by_role("button", name="Larger font").click()
    expect(tab.page.locator("[data-size-now]")).to_have_text(f"{SIZE + 2}")
    tab.page.keyboard.press("Escape")
    tab.until(f"(cols) => {PLACE}.terminal.cols < cols", before[0])
    tab.page.reload()
    tab.open()
    assert tab.value("options.fontSize") == SIZE + 2
    tab.focus()
    tab.page.keyboard.press("Control+Shift+Digit0")
    tab.until(f"(cols) => {PLACE}.terminal.cols === cols", before[0])
    tab.run("stty size")
    assert f"\n{before[1]} {before[0]}\n" in tab.screen
    larger = tab.page.locator("[data-size='1']")
    expect(larger).to_have_attribute("aria-disabled", "false")
    for _ in range(LARGEST - SIZE):
        tab.page.keyboard.press("Control+Shift+Equal")
    expect(larger).to_have_attribute("aria-disabled", "true")
    tab.page.keyboard.press("Control+Shift+Digit0")


def test_full_screen_holds_tabs_and_bar_and_fills_the_window_where_the_browser_has_none(tab: Terminal) -> None:
    rows = tab.size()[1]
    button = tab.page.get_by_role("button", name="Full screen")
    button.click()
    tab.until("document.fullscreenElement?.matches('[data-terminal-room]')")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(tab.page.get_by_role("button", name="New shell")).to_be_visible()
    tab.until(f"(rows) => {PLACE}.terminal.rows > rows", rows)
    button.click()
    tab.until("document.fullscreenElement === null")
    tab.page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject(new Error('none here')); }")
    button.click()
    expect(tab.page.locator(".terminal-room.fills")).to_be_visible()
    assert tab.page.evaluate("document.querySelector('.terminal-room').getBoundingClientRect().top") == 0
    button.click()
    expect(tab.page.locator(".terminal-room.fills")).to_have_count(0)
    tab.until(f"(rows) => {PLACE}.terminal.rows === rows", rows)


def test_a_screen_reader_gets_what_is_drawn(tab: Terminal) -> None:
    choose(tab, "Screen reader support")
    tab.run("echo heard''-this")
    expect(tab.page.locator(".xterm-accessibility")).to_contain_text("heard-this")


@pytest.mark.parametrize("context", [CLIPBOARD], indirect=True)
def test_what_is_selected_is_copied_only_where_that_was_chosen(tab: Terminal) -> None:
    tab.run("clear; echo cho''sen")
    with hostile_site() as site:  # the dashboard's own pages may not read the clipboard
        reader = tab.context.new_page()
        reader.goto(site.url())
        reader.evaluate("navigator.clipboard.writeText('mine')")
        tab.page.evaluate(
            """() => { const { clipboard } = navigator, write = clipboard.writeText.bind(clipboard);
            clipboard.writeText = (text) => write(text).then(() => (window.isWritten = true)); }"""
        )
        for expected in ("mine", "chosen"):
            tab.page.bring_to_front()
            row = tab.viewport().index("chosen")
            box = tab.page.locator(".xterm-screen").bounding_box()
            assert box
            tab.page.mouse.dblclick(box["x"] + 20, box["y"] + (row + 0.5) * box["height"] / tab.size()[1])
            assert tab.value("getSelection()") == "chosen"
            if expected == "chosen":
                tab.until("window.isWritten")
            reader.bring_to_front()
            assert reader.evaluate("navigator.clipboard.readText()") == expected
            tab.page.bring_to_front()
            if expected == "mine":
                choose(tab, "Copy on select")


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_a_telephone_has_the_keys_that_it_lacks_and_its_keyboard_stays(home: Entered, context: BrowserContext) -> None:
    tab = home.terminal(context).open()
    bar = tab.page.get_by_role("group", name="Keys")
    for button in bar.get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 38
    tab.focus()
    tab.page.keyboard.type("echo ab")
    for name in ("Left", "Pipe", "Tilde", "Up", "Down", "Esc"):
        bar.get_by_role("button", name=name).tap()
    assert tab.sent().endswith("\x1b[D|~\x1b[A\x1b[B\x1b")
    bar.get_by_role("button", name="Ctrl").tap()
    expect(bar.get_by_role("button", name="Ctrl")).to_have_attribute("aria-pressed", "true")
    tab.page.keyboard.type("c")
    expect(bar.get_by_role("button", name="Ctrl")).to_have_attribute("aria-pressed", "false")
    bar.get_by_role("button", name="Alt").tap()
    tab.page.keyboard.type("x")
    bar.get_by_role("button", name="Ctrl").tap()
    bar.get_by_role("button", name="Right").tap()
    assert tab.sent().endswith("\x03\x1bx\x1b[1;5C")
    assert tab.page.evaluate("document.activeElement.className") == "xterm-helper-textarea"
    tab.print("\x1b[?1h")
    bar.get_by_role("button", name="Up").tap()
    assert tab.sent().endswith("\x1bOA")
    tab.page.keyboard.press("Control+c")
    bar.get_by_role("button", name="Paste").tap()
    tab.page.get_by_role("dialog").get_by_role("textbox").fill("echo pas''ted #\x1b[201~")
    tab.page.get_by_role("dialog").get_by_role("button", name="Paste").tap()
    tab.shows("echo pas''ted")
    tab.page.keyboard.press("Enter")
    tab.shows("\npasted")
    tab.end()


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_new_stays_in_sight_beside_more_tabs_than_fit(home: Entered, context: BrowserContext) -> None:
    tab = home.terminal(context).open()
    new, row, first = tab.page.evaluate(
        """() => { const row = document.querySelector('#terminal-tabs'), one = row.querySelector('a');
        for (let i = 0; i < 9; i++) one.before(one.cloneNode(true));
        const found = [row.querySelector('form'), row, row.querySelector('a')];
        return found.map((e) => e.getBoundingClientRect().right); }"""
    )
    assert first < new <= row
    tab.end()


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_a_long_line_is_not_cut_on_a_telephone(home: Entered, context: BrowserContext) -> None:
    tab = home.terminal(context).open()
    tab.run("seq -s , 60")
    cols = tab.size()[0]
    for size in range(3):
        wide, room = tab.page.evaluate(
            """() => [document.querySelector(".xterm-screen").getBoundingClientRect().right,
            document.querySelector(".pane").getBoundingClientRect().right]"""
        )
        assert wide <= room, size
        tab.page.locator("#terminal-settings summary").tap()
        tab.page.get_by_role("button", name="Larger font").tap()
        tab.page.keyboard.press("Escape")
        tab.until(f"{PLACE}.panes.shown.fit.proposeDimensions().cols === {PLACE}.terminal.cols")
    assert tab.size()[0] < cols
    tab.end()
