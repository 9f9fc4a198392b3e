"""A tab with a terminal in it: what is on its screen, and every byte that it has sent to the guest."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.entered import Entered

# Before any script of ours: keep the binary frames, which are what a guest would read from its terminal.
HEAR = """
window.sent = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data !== "string") window.sent.push(new TextDecoder("latin1").decode(data));
  return send.call(this, data);
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

PATIENCE = 20.0  # seconds; only a failure takes so long
MARKS = itertools.count(1)  # counted here: a page that is loaded again would print a mark that stands on its screen


def until(page: Page, expression: str, arg: Any = None) -> None:
    """Ask the page until this holds. Playwright's own way needs `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(expression if "=>" in expression else f"() => {expression}", arg):
        assert time.monotonic() < deadline, f"it did not happen: {expression} {arg or ''}"
        page.wait_for_timeout(30)


class Tab:
    """One page with a terminal of `app`."""

    def __init__(self, entered: Entered, context: BrowserContext, query: str = "") -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.add_init_script(HEAR)
        self.page.goto(f"{entered.root}/vms/app/terminal{query}")

    @classmethod
    def on(cls, page: Page) -> Tab:
        """A page that has come to a terminal by itself."""
        one = cls.__new__(cls)
        one.context, one.page = page.context, page
        one.until(f"{PLACE}?.link?.ws?.readyState === 1 && {PLACE}.link.openedAt")
        return one

    def open(self, prompt: str = "$") -> Tab:
        """Wait until its socket is open, what was there is drawn again and the shell has said something."""
        self.until(f"{PLACE}?.link?.ws?.readyState === 1 && {PLACE}.link.openedAt && !{PLACE}.link.isReplaying")
        self.wait_for(prompt)
        return self

    def until(self, expression: str, arg: Any = None) -> None:
        """Ask the page until this holds."""
        until(self.page, expression, arg)

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

    def wait_for(self, text: str) -> None:
        """Wait until this stands on the screen."""
        self.until(f"(text) => ({SCREEN})().includes(text)", text)

    def type(self, text: str) -> None:
        """Type into the shell as one goes, through the whole path."""
        self.page.evaluate(f"(text) => {PLACE}.terminal.input(text)", text)

    def run(self, command: str) -> None:
        """Run a command in the shell and wait for its end."""
        mark = f"end{next(MARKS)}-"
        self.type(f"{command}; echo {mark[:-1]}''-\n")
        self.until(
            f"(mark) => ({SCREEN})().split('\\n').some((line) => line.endsWith(mark) && !line.includes('echo '))", mark
        )

    def print(self, text: str) -> None:
        """Let the guest write this to the terminal, byte by byte as it stands here."""
        self.run("printf %b " + "'" + "".join(f"\\0{byte:03o}" for byte in text.encode()) + "'")

    def sent_by(self, text: str) -> str:
        """What the tab sent to the guest because the guest had written this; a program takes it, not the shell."""
        before = len(self.sent())
        codes = "".join(f"\\0{byte:03o}" for byte in text.encode())
        self.run(f"stty raw -echo; printf %b '{codes}'; IFS= read -r -t 0.3 -N 9999 x; stty sane")
        return self.sent()[before:].partition("\n")[2]

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

    def says(self, text: str) -> None:
        """Wait until the line below the buttons says this."""
        expect(self.note).to_contain_text(text)
