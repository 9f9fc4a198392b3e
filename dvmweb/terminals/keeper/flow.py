"""Flow control of viewers (windows of unacknowledged bytes, timeouts) and the size of a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

WINDOW = 256 * 1024  # unacknowledged bytes of one viewer
STALLED = 10.0  # seconds without acknowledgement while the window is full
SILENT = 30.0  # seconds without any message of a viewer, which is pinged every PING seconds
PING = 10.0
SMALLEST, MOST_COLUMNS, MOST_ROWS = 2, 1000, 500
COLUMNS, ROWS = 80, 24


@dataclass
class Flow:
    """What one viewer was sent and has acknowledged, as offsets of the terminal's bytes."""

    sent: int
    acked: int
    moved_at: float  # monotonic seconds of the last progress, or when the window became full
    last_message_at: float  # of the last message

    @property
    def room(self) -> int:
        """The number of bytes that can be sent now."""
        return max(0, WINDOW - (self.sent - self.acked))

    def lag(self, end: int) -> int:
        """The number of bytes it is behind the terminal's `end`."""
        return end - self.acked

    def accept(self, at: Any, now: float) -> None:
        """Take an acknowledgement; an invalid one (backwards, of unsent bytes, not a number) is ignored."""
        if isinstance(at, int) and not isinstance(at, bool) and self.acked < at <= self.sent:
            self.acked = at
            self.moved_at = now

    def note_sent(self, count: int, now: float) -> None:
        """Count sent bytes."""
        if self.room > 0 and self.room <= count:
            self.moved_at = now
        self.sent += count

    def jump(self, offset: int, now: float) -> None:
        """Continue at `offset`, as the bytes before it are no longer kept."""
        self.sent = self.acked = offset
        self.moved_at = now

    def is_dead(self, now: float) -> bool:
        """Has it acknowledged nothing with a full window, or sent nothing at all, for too long?"""
        is_stalled = self.room == 0 and now - self.moved_at > STALLED
        return is_stalled or now - self.last_message_at > SILENT


def readable(flows: Iterable[Flow], end: int, most: int) -> int:
    """The number of bytes to read from the pty now, as the fastest viewer allows; without viewers always `most`."""
    lags = [flow.lag(end) for flow in flows]
    return most if not lags else max(0, min(most, WINDOW - min(lags)))


@dataclass(frozen=True)
class Size:
    """Columns and rows of a terminal."""

    cols: int
    rows: int


def size_of(cols: Any, rows: Any) -> Size | None:
    """A size clamped to the limits; None for anything but two positive integers."""
    for value in (cols, rows):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return None
    return Size(min(max(cols, SMALLEST), MOST_COLUMNS), min(max(rows, SMALLEST), MOST_ROWS))


def shorter(size: Size) -> Size:
    """A size that differs by one row."""
    return Size(size.cols, size.rows - 1 if size.rows > SMALLEST else size.rows + 1)


def smallest(sizes: Iterable[Size | None]) -> Size | None:
    """The largest size that every viewer can show; None where no viewer has a size."""
    known = [size for size in sizes if size is not None]
    return Size(min(size.cols for size in known), min(size.rows for size in known)) if known else None
