"""The lines in which two texts differ. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

CONTEXT = 1  # unchanged lines shown around a changed one


@dataclass(frozen=True)
class Line:
    """A line of a file; `mark` is + (added), - (removed) or empty."""

    mark: str
    text: str

    @property
    def shown(self) -> str:
        return f"{self.mark} {self.text}" if self.mark else self.text

    @property
    def tone(self) -> str:
        return {"+": "add", "-": "del"}.get(self.mark, "same")


def diff(old: str, new: str, context: int = CONTEXT) -> Iterator[tuple[str, str]]:
    """Yield (mark, text) of the lines that differ, with `context` unchanged lines around them."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=context, lineterm="")
    for line in list(lines)[2:]:  # without the two that name the files
        yield ("", "…") if line.startswith("@@") else (line[0].strip(), line[1:])
