"""Decide how much a terminal may send to whom: windows of acknowledged bytes, timeouts, and whose size counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

WINDOW = 256 * 1024  # bytes that a viewer may owe
STALLED = 10.0  # seconds in which a viewer with a full window acknowledged nothing
SILENT = 30.0  # seconds without any word of a viewer, which is asked every PING seconds
PING = 10.0
SMALLEST, MOST_COLUMNS, MOST_ROWS = 2, 1000, 500
COLUMNS, ROWS = 80, 24


@dataclass
class Flow:
    """What one viewer was sent and what it has shown, as offsets of the terminal's bytes."""

    sent: int
    acked: int
    moved_at: float  # monotonic seconds of the last progress, or of the moment when the window became full
    heard_at: float

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return max(0, WINDOW - (self.sent - self.acked))

    def lag(self, end: int) -> int:
        """How far it is behind the terminal."""
        return end - self.acked

    def accept(self, at: Any, now: float) -> None:
        """Take an acknowledgement; one that cannot be true (backwards, of bytes never sent, no number) is ignored."""
        if isinstance(at, int) and not isinstance(at, bool) and self.acked < at <= self.sent:
            self.acked = at
            self.moved_at = now

    def note_sent(self, count: int, now: float) -> None:
        """Bytes went out."""
        if self.room > 0 and self.room <= count:
            self.moved_at = now
        self.sent += count

    def jump(self, offset: int, now: float) -> None:
        """What lay before `offset` is gone: go on from there."""
        self.sent = self.acked = offset
        self.moved_at = now

    def is_dead(self, now: float) -> bool:
        """Has it shown nothing with a full window, or said nothing at all, for too long?"""
        is_stalled = self.room == 0 and now - self.moved_at > STALLED
        return is_stalled or now - self.heard_at > SILENT


def readable(flows: Iterable[Flow], end: int, most: int) -> int:
    """How many bytes to read from the pty now: the fastest viewer decides; with no viewer it goes on for ever."""
    lags = [flow.lag(end) for flow in flows]
    return most if not lags else max(0, min(most, WINDOW - min(lags)))


@dataclass(frozen=True)
class Size:
    """Columns and rows of a terminal."""

    cols: int
    rows: int


def size_of(cols: Any, rows: Any) -> Size | None:
    """A usable size, clamped; None for what is no pair of positive whole numbers."""
    for value in (cols, rows):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return None
    return Size(min(max(cols, SMALLEST), MOST_COLUMNS), min(max(rows, SMALLEST), MOST_ROWS))


def shorter(size: Size) -> Size:
    """Another size than this one, by a row."""
    return Size(size.cols, size.rows - 1 if size.rows > SMALLEST else size.rows + 1)


def smallest(sizes: Iterable[Size | None]) -> Size | None:
    """The size that every viewer can show; None where nobody has one."""
    known = [size for size in sizes if size is not None]
    return Size(min(size.cols for size in known), min(size.rows for size in known)) if known else None
