"""The lines of a job's log for a page, and which of them dvm itself wrote. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dvmweb.guest_text import log_lines

TAIL_LINES = 200
MOST_PLACES = 300  # in one response
_END = re.compile(rb"\r\n|\r|\n")

Places = Sequence[tuple[int, int]]  # (start, end) byte offsets of what dvm itself wrote, in order


@dataclass(frozen=True)
class LogLine:
    """One line of a log, safe to show."""

    text: str
    tone: str = ""  # host, cut


@dataclass(frozen=True)
class Part:
    """A slice of a log."""

    start: int
    data: bytes
    ours: Places = ()

    @property
    def end(self) -> int:
        return self.start + len(self.data)


def part(start: int, data: bytes, ours: Places) -> Part:
    """The bytes with the places that dvm wrote; cut short at MOST_PLACES places."""
    here = [(at, to) for at, to in ours if at < start + len(data) and to > start]
    if len(here) > MOST_PLACES:
        data = data[: here[MOST_PLACES][0] - start]
    return Part(start, data, tuple(here[:MOST_PLACES]))


def log_tail(log: Part) -> tuple[LogLine, ...]:
    """The last lines of a log, without cursor movements; a line whose beginning is missing is left out."""
    lines = list(_lines(log))
    if log.start and len(lines) > 1:
        lines = lines[1:]
    more = bool(log.start) or len(lines) > TAIL_LINES
    shown = [LogLine(log_lines(text), "host" if _is_ours(at, log.ours) else "") for at, text in lines[-TAIL_LINES:]]
    return (*([LogLine("… earlier lines are in the download", "cut")] if more else []), *shown)


def _lines(log: Part) -> Iterator[tuple[int, bytes]]:
    """Each line with its start offset."""
    begin = 0
    for end in _END.finditer(log.data):
        yield log.start + begin, log.data[begin : end.start()]
        begin = end.end()
    if begin < len(log.data):
        yield log.start + begin, log.data[begin:]


def _is_ours(at: int, ours: Places) -> bool:
    return any(begin <= at < end for begin, end in ours)
