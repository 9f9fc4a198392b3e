"""The speed of a driven browser, and the pictures of a journey: one for each act, and an index.html."""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

READING, KEY = 1500, 70  # milliseconds that a person needs, to read a page and for a key
INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem/1.5 sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem }}
img {{ max-width: 100%; border: 1px solid #888 }} figure {{ margin: 2rem 0 }} figcaption {{ font-weight: bold }}</style>
<h1>{title}</h1>
{figures}
</html>
"""


@dataclass
class Album:
    """Pictures in a folder, numbered by act, and an index.html that shows them with what was done."""

    folder: Path
    title: str
    captions: list[str] = field(default_factory=list)

    def add(self, page: Page, caption: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.captions.append(caption)
        page.screenshot(path=self.folder / self._file(len(self.captions)))

    def write_index(self) -> Path:
        figures = (
            f'<figure><figcaption>{number}. {html.escape(caption)}</figcaption><img src="{self._file(number)}"'
            f' alt="The page after it"></figure>'
            for number, caption in enumerate(self.captions, 1)
        )
        index = self.folder / "index.html"
        index.write_text(INDEX.format(title=html.escape(self.title), figures="\n".join(figures)))
        return index

    @staticmethod
    def _file(number: int) -> str:
        return f"{number:02}.png"


@dataclass
class Pace:
    """How fast the driver acts: by default without pauses, pictures or output.

    `slow` 1 is the speed of a person. A picture of an act is taken when the next one begins: by then the page shows
    what the journey waited for.
    """

    slow: float = 0
    album: Album | None = None
    is_printed: bool = False  # print each act
    _last: str = ""

    @property
    def key(self) -> float:
        """Milliseconds between two keys."""
        return KEY * self.slow

    def begin(self, page: Page, act: str) -> None:
        """Let the user read the page as it is, then print the act."""
        self.end(page)
        if self.is_printed:
            print(act, file=sys.stderr)
        self._last = act

    def end(self, page: Page) -> None:
        """Let the user read the page, and take the picture of the act before."""
        if self.slow:
            page.wait_for_timeout(READING * self.slow)
        if self.album is not None and self._last:
            self.album.add(page, self._last)
        self._last = ""
