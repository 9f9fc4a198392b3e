"""Every key of a US, German and Japanese keyboard sends what xterm, VS Code's terminal or ttyd send for it.

Keys are pressed by Chromium's debugger, with the `key`, `code` and number that the layout gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession

from tests.browser.driver.terminal import PLACE, Terminal
from tests.browser.entered import Entered

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("terminal")]
ALT, CTRL, META, SHIFT = 1, 2, 4, 8
ESC = "\x1b"


@dataclass(frozen=True)
class Key:
    """A key that goes down, and what it must send."""

    layout: str
    held: int
    key: str
    code: str
    number: int
    sent: str


def row(layout: str, held: int, sent: str, *keys: tuple[str, str, int]) -> tuple[Key, ...]:
    return tuple(Key(layout, held, key, code, number, sent) for key, code, number in keys)


LETTERS = [(chr(n), f"Key{chr(n).upper()}", n - 32) for n in range(ord("a"), ord("z") + 1)]
F_KEYS = [(f"F{n}", 111 + n) for n in range(1, 13)]
F_CODES = ["P", "Q", "R", "S", *(f"{n}~" for n in (15, 17, 18, 19, 20, 21, 23, 24))]


def f_key(held: int, code: str) -> str:
    number = str(1 + bool(held & SHIFT) + 2 * bool(held & ALT) + 4 * bool(held & CTRL))
    if len(code) == 1:
        return f"{ESC}[1;{number}{code}" if held else f"{ESC}O{code}"
    return f"{ESC}[{code[:-1]};{number}~" if held else f"{ESC}[{code}"


def arrows() -> Iterator[Key]:
    for name, number, letter in (("Up", 38, "A"), ("Down", 40, "B"), ("Right", 39, "C"), ("Left", 37, "D")):
        for held, digit in ((SHIFT, 2), (ALT, 3), (CTRL, 5), (CTRL | ALT, 7)):
            yield Key("US", held, f"Arrow{name}", f"Arrow{name}", number, f"{ESC}[1;{digit}{letter}")


KEYS = (
    *(Key("US", CTRL, key, code, number, chr(number - 64)) for key, code, number in LETTERS),
    *(Key("US", ALT, key, code, number, ESC + key) for key, code, number in LETTERS),
    *(
        Key("US", held, name, name, number, f_key(held, code))
        for (name, number), code in zip(F_KEYS, F_CODES, strict=True)
        for held in (0, SHIFT, CTRL, ALT)
    ),
    *(
        Key("US", held, f"F{n}", f"F{n}", 111 + n, f"{ESC}[{code}{more}~")
        for n, code in ((13, 25), (16, 29), (20, 34))
        for held, more in ((0, ""), (CTRL, ";5"))
    ),
    *arrows(),
    # control characters with punctuation
    *row("US", CTRL, "\x00", (" ", "Space", 32), ("2", "Digit2", 50), ("`", "Backquote", 192)),
    *row("US", CTRL, "\x1b", ("[", "BracketLeft", 219), ("3", "Digit3", 51)),
    *row("US", CTRL, "\x1c", ("\\", "Backslash", 220), ("4", "Digit4", 52)),
    *row("US", CTRL, "\x1d", ("]", "BracketRight", 221), ("5", "Digit5", 53)),
    *row("US", CTRL, "\x1e", ("6", "Digit6", 54)),
    *row("US", CTRL, "\x1f", ("/", "Slash", 191), ("7", "Digit7", 55)),
    *row("US", CTRL, "\x7f", ("8", "Digit8", 56)),
    *row("US", CTRL | SHIFT, "\x00", ("@", "Digit2", 50)),
    *row("US", CTRL | SHIFT, "\x1b", ("{", "BracketLeft", 219)),
    *row("US", CTRL | SHIFT, "\x1c", ("|", "Backslash", 220)),
    *row("US", CTRL | SHIFT, "\x1d", ("}", "BracketRight", 221)),
    *row("US", CTRL | SHIFT, "\x1e", ("^", "Digit6", 54), ("~", "Backquote", 192)),
    *row("US", CTRL | SHIFT, "\x1f", ("_", "Minus", 189)),
    *row("US", CTRL | SHIFT, "\x7f", ("?", "Slash", 191)),
    *row("US", CTRL | ALT, "\x1b\x1b", ("[", "BracketLeft", 219)),
    *row("US", CTRL | ALT, "\x1b\x1f", ("/", "Slash", 191)),
    *row("US", CTRL | ALT, "\x1b\x03", ("c", "KeyC", 67)),
    *row("US", CTRL, ";", (";", "Semicolon", 186)),
    *row("US", ALT, "\x1b.", (".", "Period", 190)),
    *row("US", ALT | SHIFT, "\x1b?", ("?", "Slash", 191)),
    *row("US", ALT | SHIFT, "\x1b<", ("<", "Comma", 188)),
    # German: what is printed on the key counts, not its place
    *row("German", CTRL | SHIFT, "\x1f", ("/", "Digit7", 55), ("_", "Slash", 189)),
    *row("German", CTRL | SHIFT, "\x7f", ("?", "Minus", 219)),
    *row("German", CTRL | SHIFT, "\x00", ("`", "Equal", 221)),
    *row("German", CTRL, "\x1e", ("^", "Backquote", 220), ("Dead", "Backquote", 220)),
    *row("German", CTRL, "\x1b", ("[", "Digit8", 56), ("{", "Digit7", 55)),  # with AltGr, as Linux reports it
    *row("German", CTRL, "\x1d", ("]", "Digit9", 57), ("}", "Digit0", 48)),
    *row("German", CTRL, "\x1c", ("\\", "Minus", 219), ("|", "IntlBackslash", 226)),
    *row("German", CTRL, "\x00", ("@", "KeyQ", 81)),
    *row("German", CTRL, "\x1e", ("~", "BracketRight", 187)),
    *(
        Key("German", CTRL | ALT, key, code, number, key)
        for key, code, number in (  # AltGr, as Windows reports it
            ("@", "KeyQ", 81),
            ("[", "Digit8", 56),
            ("]", "Digit9", 57),
            ("{", "Digit7", 55),
            ("}", "Digit0", 48),
            ("\\", "Minus", 219),
            ("~", "BracketRight", 187),
            ("|", "IntlBackslash", 226),
            ("€", "KeyE", 69),
        )
    ),
    *row("German", ALT, "\x1bü", ("ü", "BracketLeft", 186)),
    *row("German", ALT, "\x1b#", ("#", "Backslash", 191)),
    *row("German", ALT, "\x1b+", ("+", "BracketRight", 187)),
    *row("German", ALT, "\x1b<", ("<", "IntlBackslash", 226)),
    *row("German", ALT | SHIFT, "\x1b/", ("/", "Digit7", 55)),
    *row("German", CTRL, "\x19", ("y", "KeyZ", 89)),
    *row("German", CTRL, "\x1a", ("z", "KeyY", 90)),
    # Japanese
    *row("Japanese", CTRL, "\x00", ("@", "BracketLeft", 192)),
    *row("Japanese", CTRL, "\x1e", ("^", "Equal", 222)),
    *row("Japanese", CTRL, "\x1b", ("[", "BracketRight", 219)),
    *row("Japanese", CTRL, "\x1d", ("]", "Backslash", 221)),
    *row("Japanese", CTRL, "\x1c", ("\\", "IntlYen", 220), ("¥", "IntlYen", 220), ("\\", "IntlRo", 226)),
    *row("Japanese", CTRL | SHIFT, "\x1f", ("_", "IntlRo", 226)),
    *row("Japanese", CTRL | SHIFT, "\x1e", ("~", "Equal", 222)),
    *row("Japanese", CTRL | SHIFT, "\x1c", ("|", "IntlYen", 220)),
    *row("Japanese", ALT, "\x1b@", ("@", "BracketLeft", 192)),
    *row("Japanese", ALT, "\x1b^", ("^", "Equal", 222)),
    *row("Japanese", ALT, "\x1b:", (":", "Quote", 186)),
    *row(
        "Japanese",
        0,
        "",
        ("Convert", "Convert", 28),
        ("NonConvert", "NonConvert", 29),
        ("KanaMode", "KanaMode", 21),
        ("Hankaku", "Backquote", 244),
    ),
    # another alphabet: by the place of the key
    *row("Russian", CTRL, "\x03", ("с", "KeyC", 67)),
    *row("Russian", ALT, "\x1bf", ("а", "KeyF", 70)),
    # the others
    *row("US", SHIFT, "\x1b[Z", ("Tab", "Tab", 9)),
    *row("US", 0, "\t", ("Tab", "Tab", 9)),
    *row("US", 0, "\x7f", ("Backspace", "Backspace", 8)),
    *row("US", CTRL, "\x08", ("Backspace", "Backspace", 8)),
    *row("US", ALT, "\x1b\x7f", ("Backspace", "Backspace", 8)),
    *row("US", 0, "\x1b[3~", ("Delete", "Delete", 46)),
    *row("US", CTRL, "\x1b[3;5~", ("Delete", "Delete", 46)),
    *row("US", 0, "\x1b[2~", ("Insert", "Insert", 45)),
    *row("US", ALT, "\x1b[2;3~", ("Insert", "Insert", 45)),
    *row("US", ALT, "\x1b[5;3~", ("PageUp", "PageUp", 33)),
    *row("US", CTRL, "\x1b[6;5~", ("PageDown", "PageDown", 34)),
    *row("US", CTRL, "\x1b[1;5H", ("Home", "Home", 36)),
    *row("US", SHIFT, "\x1b[1;2F", ("End", "End", 35)),
    *row("US", 0, "\x1b", ("Escape", "Escape", 27)),
    *row("US", ALT, "\x1b\x1b", ("Escape", "Escape", 27)),
    *row("US", 0, "\r", ("Enter", "Enter", 13)),
    *row("US", SHIFT, "\r", ("Enter", "Enter", 13)),
    *row("US", CTRL, "\r", ("Enter", "Enter", 13)),
    *row("US", ALT, "\x1b\r", ("Enter", "Enter", 13)),
)
MAC = (
    *row("Mac", META, "\x01", ("ArrowLeft", "ArrowLeft", 37)),
    *row("Mac", META, "\x05", ("ArrowRight", "ArrowRight", 39)),
    *row("Mac", META, "\x15", ("Backspace", "Backspace", 8)),
    *row("Mac", ALT, "\x1bb", ("ArrowLeft", "ArrowLeft", 37)),
    *row("Mac", ALT, "\x1bf", ("ArrowRight", "ArrowRight", 39)),
    *row("Mac", CTRL | ALT, "\x1b", ("[", "Digit5", 53)),  # German: Option makes the sign
    *row("Mac", CTRL, "\x1f", ("/", "Slash", 191)),
)


def typed(tab: Terminal, before: int) -> str:
    """What was sent from there on; the tab keeps each byte as a letter of Windows-1252."""
    letters = tab.sent()[before:]
    return b"".join(bytes([ord(one)]) if ord(one) < 256 else one.encode("cp1252") for one in letters).decode()


class Keyboard:
    """Presses keys of any layout in a tab, and returns what they sent."""

    def __init__(self, tab: Terminal) -> None:
        self.tab = tab
        self.cdp: CDPSession = tab.context.new_cdp_session(tab.page)
        tab.focus()

    def press(self, one: Key, **more: Any) -> None:
        text = one.key if len(one.key) == 1 and not one.held & (CTRL | META | ALT) else ""
        event = {"modifiers": one.held, "key": one.key, "code": one.code, "windowsVirtualKeyCode": one.number, **more}
        self.cdp.send("Input.dispatchKeyEvent", {"type": "keyDown" if text else "rawKeyDown", "text": text, **event})
        self.cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def sent(self, one: Key) -> str:
        """What it sends; the end is marked by a letter that no key sends."""
        before = len(self.tab.sent())
        self.press(one)
        self.tab.page.evaluate(f"() => {PLACE}.terminal.input('\\u0100')")
        self.tab.until(f"(n) => window.sent.join('').length > n && {PLACE}.link.isReady()", before)
        return typed(self.tab, before).partition("\u0100")[0]


def deaf(tab: Terminal) -> None:
    """A program that reads every key and prints nothing."""
    tab.input("stty raw -echo; echo de''af; exec cat > /dev/null\n")
    tab.shows("deaf")


def test_every_key_sends_what_it_sends_elsewhere(tab: Terminal) -> None:
    deaf(tab)
    keyboard = Keyboard(tab)
    wrong = {f"{one.layout} {one.held} {one.key} {one.code}": (keyboard.sent(one), one.sent) for one in KEYS}
    assert {name: pair for name, pair in wrong.items() if pair[0] != pair[1]} == {}
    assert tab.page.url.endswith(tab.id), "no key was the page's"


def test_the_keys_of_a_mac(home: Entered, context: BrowserContext) -> None:
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'platform', { get: () => 'MacIntel' })")
    tab = home.terminal(context).open()
    deaf(tab)
    keyboard = Keyboard(tab)
    wrong = {f"{one.held} {one.key} {one.code}": (keyboard.sent(one), one.sent) for one in MAC}
    option = Key("Mac", ALT, "∫", "KeyB", 66, "\x1bb")
    assert keyboard.sent(option) != option.sent, "Option makes a character of its own"
    tab.page.locator("#terminal-settings summary").click()
    tab.page.get_by_label("Use Option as Meta").check()
    tab.page.keyboard.press("Escape")
    tab.focus()
    wrong["meta"] = (keyboard.sent(option), option.sent)
    assert {name: pair for name, pair in wrong.items() if pair[0] != pair[1]} == {}
    assert tab.value("options.macOptionClickForcesSelection")
    tab.end()


ENTERS = [Key("US", held, "Enter", "Enter", 13, "") for held in (0, SHIFT, CTRL, ALT, SHIFT | CTRL)]
KITTY = ["\r", "\x1b[13;2u", "\x1b[13;5u", "\x1b[13;3u", "\x1b[13;6u"]
USUAL = ["\r", "\r", "\r", "\x1b\r", "\r"]
ASKED = {
    "\x1b[>1u": KITTY,
    "\x1b[>1u\x1b[>0u": USUAL,
    "\x1b[>1u\x1b[>0u\x1b[<u": KITTY,
    "\x1b[>1u\x1b[<u": USUAL,
    "\x1b[>1u\x1b[<9u": USUAL,
    "\x1b[=1u": KITTY,
    "\x1b[=5;2u": KITTY,
    "\x1b[=1u\x1b[=1;3u": USUAL,
    "\x1b[>4u": USUAL,
    "\x1b[>4;2m": KITTY,
    "\x1b[>4;1m": KITTY,
    "\x1b[>4;2m\x1b[>4;0m": USUAL,
    "\x1b[>4;2m\x1b[>4m": USUAL,
    "\x1b[>4;2m\x1b[>4n": USUAL,
    "\x1b[>4;2m\x1b[>m": USUAL,
    "\x1b[>1;2m": USUAL,
    "\x1b[>1u\x1b[?1049h": USUAL,
    "\x1b[>1u\x1b[?1049h\x1b[?1049l": KITTY,
    "\x1b[>1u\x1bc": USUAL,
    "\x1b[>4;2m\x1b[!p": USUAL,
    "\x1b[?u": USUAL,
}


def test_enter_with_a_modifier_is_sent_to_a_program_that_asked(tab: Terminal) -> None:
    deaf(tab)
    keyboard = Keyboard(tab)
    found = {}
    for asked in ASKED:
        tab.page.evaluate(f"(text) => {PLACE}.terminal.reset() ?? {PLACE}.terminal.write(text)", asked)
        tab.until(f"{PLACE}.terminal.buffer.active.type && true")
        tab.page.evaluate(f"() => new Promise((done) => {PLACE}.terminal.write('', done))")
        found[asked] = [keyboard.sent(one) for one in ENTERS]
    assert found == ASKED


def test_enter_with_a_modifier_is_a_new_line_in_the_terminal_of_an_agent(tab: Terminal) -> None:
    deaf(tab)
    tab.page.evaluate(f"() => {{ {PLACE}.panes.shown.command = 'claude'; }}")
    keyboard = Keyboard(tab)
    assert [keyboard.sent(one) for one in ENTERS] == ["\r", "\x1b\r", "\x1b\r", "\x1b\r", "\x1b\r"]


@pytest.mark.parametrize("asked", ["", "\x1b[>1u"])
def test_nothing_is_sent_while_characters_are_composed(tab: Terminal, asked: str) -> None:
    deaf(tab)
    tab.page.evaluate(f"(text) => new Promise((done) => {PLACE}.terminal.write(text, done))", asked)
    tab.page.evaluate(f"() => {{ {PLACE}.panes.shown.command = 'claude'; }}")
    keyboard = Keyboard(tab)
    before = len(tab.sent())
    compose = {"selectionStart": 2, "selectionEnd": 2}
    for text in ("に", "にh", "にほ"):
        keyboard.cdp.send("Input.imeSetComposition", {"text": text, **compose})
    for held in (0, SHIFT, CTRL):
        keyboard.press(Key("Japanese", held, "Process", "Enter", 229, ""))
    keyboard.press(Key("Japanese", 0, "Process", "Convert", 229, ""))
    assert tab.sent()[before:] == ""
    keyboard.cdp.send("Input.insertText", {"text": "日本"})
    tab.until("(n) => window.sent.join('').length > n", before)
    assert typed(tab, before) == "日本"
    assert keyboard.sent(ENTERS[1]) == ("\x1b[13;2u" if asked else "\x1b\r")


def test_a_dead_key_makes_its_letter(tab: Terminal) -> None:
    deaf(tab)
    keyboard = Keyboard(tab)
    before = len(tab.sent())
    keyboard.press(Key("German", 0, "Dead", "Equal", 221, ""))
    keyboard.cdp.send("Input.imeSetComposition", {"text": "´", "selectionStart": 1, "selectionEnd": 1})
    assert tab.sent()[before:] == ""
    keyboard.cdp.send("Input.insertText", {"text": "é"})
    tab.until("(n) => window.sent.join('').length > n", before)
    assert typed(tab, before) == "é"


def test_no_shortcut_of_the_page_shadows_a_control_character(tab: Terminal) -> None:
    size = tab.value("options.fontSize")
    keyboard = Keyboard(tab)
    for key, code, number in (("_", "Minus", 189), ("?", "Minus", 219), ("~", "Equal", 222), ("`", "Equal", 221)):
        keyboard.press(Key("", CTRL | SHIFT, key, code, number, ""))
    assert tab.value("options.fontSize") == size
    for key, code in ((">", "Period"), ("+", "Equal"), (":", "Period")):
        keyboard.press(Key("", CTRL | SHIFT, key, code, 190, ""))
    assert tab.value("options.fontSize") == size + 3
    for key, code in (("<", "Comma"), (";", "Comma"), (")", "Digit0")):
        keyboard.press(Key("", CTRL | SHIFT, key, code, 188, ""))
    assert tab.value("options.fontSize") == size
