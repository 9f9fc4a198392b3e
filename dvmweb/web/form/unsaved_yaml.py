"""Typed YAML that a page shows nowhere else: it is kept on the page until it is saved. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote_plus

from dvmweb.config.line_ends import plain

UNSAVED_YAML = "unsaved_yaml"  # the name of these inputs
ROOM = 150_000  # bytes of a POST for all of them; the guard limits its size
FEWEST_ROWS, MOST_ROWS = 4, 16  # of one text, without scrolling


@dataclass(frozen=True)
class UnsavedYaml:
    """One text as it was typed."""

    title: str
    id: str
    text: str
    rows: int
    is_sent: bool  # whether the form sends it, so that the next response shows it again


def unsaved_texts(typed: Iterable[str], others: Iterable[str]) -> tuple[UnsavedYaml, ...]:
    """Return the texts of `typed` (newest first) that are not among `others`, which are shown or on disk."""
    known = {plain(text) for text in others}
    found = [text for text in dict.fromkeys(map(plain, typed)) if text.strip() and text not in known]
    sizes = [len(quote_plus(text.replace("\n", "\r\n"), errors="replace")) for text in found]
    return tuple(_unsaved(number, text, sum(sizes[: number + 1]) <= ROOM) for number, text in enumerate(found))


def _unsaved(number: int, text: str, is_sent: bool) -> UnsavedYaml:
    title = "Your YAML" if not number else f"Your earlier YAML ({number})"
    rows = min(max(text.count("\n") + 2, FEWEST_ROWS), MOST_ROWS)
    return UnsavedYaml(title, f"vm-unsaved-{number}", text, rows, is_sent)
