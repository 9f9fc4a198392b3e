"""YAML that somebody typed and that stands nowhere else on a page: it is shown whole until a save is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote_plus

from dvmweb.config.line_ends import plain

KEPT = "kept"  # the name of these inputs
ROOM = 150_000  # bytes of a post for all of them: the guard takes no post of any size
FEWEST_ROWS, MOST_ROWS = 4, 16  # of one text without scrolling


@dataclass(frozen=True)
class Kept:
    """One text as it was typed."""

    title: str
    id: str
    text: str
    rows: int
    is_sent: bool  # whether the form carries it along, so that the next answer shows it too


def kept_texts(typed: Iterable[str], others: Iterable[str]) -> tuple[Kept, ...]:
    """What of `typed`, the newest first, is not one of the `others` that the page shows or the disk holds."""
    known = {plain(text) for text in others}
    found = [text for text in dict.fromkeys(map(plain, typed)) if text.strip() and text not in known]
    sizes = [len(quote_plus(text.replace("\n", "\r\n"), errors="replace")) for text in found]
    return tuple(_kept(number, text, sum(sizes[: number + 1]) <= ROOM) for number, text in enumerate(found))


def _kept(number: int, text: str, is_sent: bool) -> Kept:
    title = "What you typed, whole" if not number else f"What you typed before, whole ({number})"
    rows = min(max(text.count("\n") + 2, FEWEST_ROWS), MOST_ROWS)
    return Kept(title, f"vm-kept-{number}", text, rows, is_sent)
