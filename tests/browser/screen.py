"""What a person sees in an xterm, and typing into it."""

from __future__ import annotations

from playwright.sync_api import Page

# Lines that xterm has wrapped are joined again.
TEXT = """() => {
  const buffer = document.querySelector("[data-terminal]")?.terminal?.buffer.active;
  let text = "";
  for (let i = 0; i < (buffer?.length ?? 0); i += 1) {
    const line = buffer.getLine(i);
    text += (line.isWrapped || i === 0 ? "" : "\\n") + line.translateToString(true);
  }
  return text;
}"""


def wait_for_screen(page: Page, *words: str) -> None:
    """Wait until all the words stand in the terminal."""
    page.wait_for_function(
        f"words => {{ const text = ({TEXT})(); return words.every((w) => text.includes(w)); }}", arg=list(words)
    )


def run_line(page: Page, line: str) -> None:
    """Type a line and press Enter, when the terminal is open."""
    page.wait_for_function("() => document.querySelector('[data-terminal]')?.link?.isOpen()")
    page.locator(".xterm-helper-textarea").press_sequentially(line)
    page.keyboard.press("Enter")
