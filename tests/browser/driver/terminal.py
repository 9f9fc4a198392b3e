"""A terminal in a tab of the browser: what is on its screen, and every byte that it has sent to the guest."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.browser.driver.window import PATIENCE, Part, Window

# Before any script of ours: keep the binary frames, which are what a guest would read from its terminal.
HEAR = """
window.sent = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data !== "string") window.sent.push(new TextDecoder("latin1").decode(data));
  return send.call(this, data);
};
"""
# A browser without a graphics card needs two seconds of a processor for WebGL on each page.
NO_WEBGL = """
const context = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith("webgl") ? null : context.call(this, kind, ...more);
};
"""
PLACE = "document.querySelector('[data-terminal]')"
SCREEN = f"""() => {{ const buffer = {PLACE}.terminal.buffer.active; const lines = [];
  for (let row = Math.max(0, buffer.length - 400); row < buffer.length; row++)
    lines.push(buffer.getLine(row).translateToString(true));
  return lines.join("\\n").trimEnd(); }}"""


CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}
# What makes a terminal answer; "evil" is what a guest would like to have typed into its own shell, or another.
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

# A question that nobody else asks, the last of all: its answer comes after all others.
LAST, LAST_ANSWER = "\x1b[?9876$p", "9876;0$y"

MARKS = itertools.count(1)  # counted here: a page that is loaded again would print a mark that stands on its screen


# The page asks itself: each question from here costs four processes some milliseconds.
UNTIL = """async ([arg, patience]) => {{
  const end = performance.now() + patience;
  for (;;) {{
    try {{
      const found = {expression};
      if (typeof found === "function" ? await found(arg) : found) return "";
      if (performance.now() > end) return "it does not hold";
    }} catch (error) {{
      if (performance.now() > end) return String(error);
    }}
    await new Promise((done) => setTimeout(done, 20));
  }}
}}"""


def until(page: Page, expression: str, arg: Any = None, patience: float = PATIENCE) -> None:
    """Wait until this holds on the page. Playwright's own way needs `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + patience / 1000
    while True:
        left = max(0, deadline - time.monotonic()) * 1000
        try:
            why = page.evaluate(UNTIL.format(expression=expression), [arg, left])
            break
        except Error as error:  # the page was left meanwhile: ask the next one
            if "context was destroyed" not in str(error) or not left:
                raise
    assert not why, f"{why}: {expression} {arg or ''}"


class Terminal:
    """One page with a terminal of a VM; its text is asked of xterm, which draws on a canvas."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.page = window.page
        self.context = window.page.context

    @classmethod
    def on(cls, page: Page, patience: float = PATIENCE) -> Terminal:
        """A page that has come to a terminal, connected."""
        one = cls(Window(page, "", patience=patience))
        one.until(f"{PLACE}?.link?.ws?.readyState === 1 && {PLACE}.link.openedAt")
        return one

    @classmethod
    def at(cls, context: BrowserContext, root: str, path: str, *, has_webgl: bool = True) -> Terminal:
        """A new tab at the terminal of this path below the root, not yet connected; all that it sends is kept."""
        one = cls(Window(context.new_page(), root))
        one.page.add_init_script(HEAR if has_webgl else HEAR + NO_WEBGL)
        one.page.goto(root + path)
        return one

    def again(self, width: int = 0, height: int = 0, query: str = "") -> Terminal:
        """The same terminal, or the one that the query names, in one more tab, of another size if that is given."""
        other = Terminal(Window(self.context.new_page(), self.window.root))
        if width:
            other.page.set_viewport_size({"width": width, "height": height})
        other.page.goto(self.page.url.partition("?")[0] + query if query else self.page.url)
        return other.open()

    def open(self, prompt: str = "$") -> Terminal:
        """Wait until it is connected, what was there is drawn again and the prompt is shown."""
        self.until(f"{PLACE}?.link?.ws?.readyState === 1 && {PLACE}.link.openedAt && !{PLACE}.link.isReplaying")
        return self.shows(prompt)

    def until(self, expression: str, arg: Any = None) -> None:
        """Ask the page until this holds."""
        with self.window.awaited("The terminal is not as it should be"):
            until(self.page, expression, arg, self.window.patience)

    def type(self, line: str) -> Terminal:
        """Type a line at the keyboard, then Enter."""
        with self.window.act(f"Type {line!r} in the terminal"):
            self.until(f"{PLACE}?.link?.isOpen()")
            self.page.locator(".pane:not([hidden]) .xterm-helper-textarea").press_sequentially(
                line, delay=self.window.pace.key
            )
            self.page.keyboard.press("Enter")
        return self

    def shows(self, *texts: str) -> Terminal:
        """Wait until each of these is on the screen or above it."""
        for text in texts:
            try:
                until(self.page, f"(text) => ({SCREEN})().includes(text)", text, self.window.patience)
            except AssertionError:
                screen = "\n".join(f"    {line}" for line in self.screen.splitlines()[-40:])
                note = self.note.inner_text()
                raise AssertionError(
                    f"The terminal does not show {text!r}. Below it stands {note!r}, and its screen is:\n{screen}"
                ) from None
        return self

    def reload(self) -> Terminal:
        with self.window.act("Load the page again"):
            self.page.reload()
        return self.open("")

    def close(self) -> Terminal:
        """Close the terminal by its button; what it showed stays to be read."""
        self.window.press("Close the terminal", "[data-terminal-close]")
        return self

    def has_ended(self) -> Terminal:
        with self.window.awaited("The terminal does not show that it has ended"):
            expect(self.page.locator("[data-terminal-again]")).to_be_visible()
        return self

    @property
    def screen(self) -> str:
        """The last 400 lines."""
        text: str = self.page.evaluate(SCREEN)
        return text

    @property
    def note(self) -> Any:
        return self.page.locator("[data-terminal-note]")

    @property
    def id(self) -> str:
        return self.page.url.rpartition("?id=")[2]

    def input(self, text: str) -> None:
        """Put keys into the terminal all at once; they take the whole way from xterm on."""
        self.page.evaluate(f"(text) => {PLACE}.terminal.input(text)", text)

    def run(self, command: str) -> None:
        """Run a command in the shell and wait for its end."""
        mark = f"end{next(MARKS)}-"
        self.input(f"{command}; echo {mark[:-1]}''-\n")
        self.until(
            f"(mark) => ({SCREEN})().split('\\n').some((line) => line.endsWith(mark) && !line.includes('echo '))", mark
        )

    def print(self, text: str) -> None:
        """Let the guest write this to the terminal, byte by byte as it stands here."""
        self.run("printf %b " + "'" + "".join(f"\\0{byte:03o}" for byte in text.encode()) + "'")

    def sent_by(self, text: str) -> str:
        """What the tab sent to the guest because the guest had written this; a program takes it, not the shell."""
        before = len(self.sent())
        codes = "".join(f"\\0{byte:03o}" for byte in (text + LAST).encode())
        # It reads up to the answer to our own last question, or the shell would take late ones for keys.
        read = f"x=; until [[ $x == *'{LAST_ANSWER}' ]]; do IFS= read -r -N 1 y && x+=$y || break; done"
        self.run(f"stty raw -echo; printf %b '{codes}'; {read}; stty sane")
        return self.sent()[before:].partition("\n")[2].replace("\x1b[?" + LAST_ANSWER, "")

    def sent(self) -> str:
        """All that was sent to the guest since the page was loaded."""
        text: str = self.page.evaluate("window.sent.join('')")
        return text

    def value(self, expression: str) -> Any:
        """A value of the xterm: `modes.mouseTrackingMode`."""
        return self.page.evaluate(f"() => {PLACE}.terminal.{expression}")

    def size(self) -> tuple[int, int]:
        cols, rows = json.loads(self.page.evaluate(f"JSON.stringify([{PLACE}.terminal.cols, {PLACE}.terminal.rows])"))
        return cols, rows

    def click_text(self, text: str) -> None:
        """Click the first cells of the line that begins with this."""
        row = next(n for n, line in enumerate(self.viewport()) if line.startswith(text))
        box = self.page.locator(".xterm-screen").bounding_box()
        assert box is not None
        cols, rows = self.size()
        at = (box["x"] + 3.5 * box["width"] / cols, box["y"] + (row + 0.5) * box["height"] / rows)
        self.page.mouse.move(at[0] + 200, at[1])
        self.page.mouse.move(*at, steps=4)
        self.page.mouse.down()
        self.page.mouse.up()

    def viewport(self) -> list[str]:
        """The lines that can be seen."""
        lines: list[str] = self.page.evaluate(
            f"""() => {{ const term = {PLACE}.terminal, buffer = term.buffer.active;
            return [...Array(term.rows).keys()].map((row) =>
              buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? ""); }}"""
        )
        return lines

    def end(self) -> None:
        """End its terminals: a VM has at most 32."""
        self.page.evaluate(
            f"""async () => {{ if (!{PLACE}) return; const {{ terminals, csrf }} = {PLACE}.dataset;
            for (const {{ id, link }} of {PLACE}.panes.all)
              if (id && !link.isOver) await fetch(`${{terminals}}/${{id}}/close`, {{ method: "POST",
                body: new URLSearchParams({{ csrf, as: "json", sure: "1" }}) }}); }}"""
        )

    def focus(self) -> None:
        self.page.focus(".pane:not([hidden]) .xterm-helper-textarea")

    @property
    def question(self) -> Any:
        """The dialog that asks before something dangerous."""
        return self.page.locator("[data-terminal-ask]")

    def note_shows(self, text: str) -> None:
        """Wait until the line below the buttons shows this."""
        Part(self.window, "The line below the buttons", self.note).shows(text)
