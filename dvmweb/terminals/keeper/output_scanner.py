"""Finds in a terminal's output what the keeper acts on: bells, state reports of agents, screen modes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dvmweb.terminals.keeper.screen_modes import KNOWN, ScreenModes

# An agent's hook reports its state by OSC 777 ; dvm ; waits. OSC 9, 99 and 777;notify are desktop notifications.
REPORTS = {b"777;dvm;works": "works", b"777;dvm;waits": "waits"}  # an end is never reported, only observed
NOTIFICATION = re.compile(rb"(?:9;(?!4;)|99;|777;notify;)")  # OSC 9;4 is a progress bar
STARTS = (
    b"\x07",
    b"\x1b]",
    b"\x1b[?",
    b"\x1b[>",
    b"\x1b[<",
    b"\x1b[=",
    b"\x1bc",
    b"\x1bP",
    b"\x1b_",
    b"\x1b^",
    b"\x1bX",
)
# Begins with a fixed byte, which makes the search fast.
SEQUENCE = re.compile(rb"\x1b(?:\[\?([0-9;]{1,40})([hl])|([\]PX^_])|\[([<=>])([0-9;]{0,12})([um])|c)")
PARTIAL = re.compile(rb"\x1b(?:\[(?:\?[0-9;]{0,40}|[<=>][0-9;]{0,12})?)?\Z")
LONGEST_PARTIAL = 48  # bytes
END = {b"]": re.compile(rb"[\x07\x18\x1a\x1b]")}  # BEL ends an OSC, but not the other strings
END_OF_OTHERS = re.compile(rb"[\x18\x1a\x1b]")
LONGEST_STRING = 64  # bytes of a string that are examined


@dataclass(frozen=True)
class Bell:
    """The program asks for attention."""


@dataclass(frozen=True)
class StateReport:
    """A state reported by an agent: works or waits."""

    state: str


@dataclass(frozen=True)
class Mode:
    """A known DEC private mode was set or reset by the bytes before the offset `at`."""

    number: int
    is_on: bool
    at: int

    def apply(self, modes: ScreenModes) -> None:
        """Apply it to the modes."""
        modes.change(self.at, self.number, is_on=self.is_on)


@dataclass(frozen=True)
class Reset:
    """The whole screen was reset (RIS) by the bytes before the offset `at`."""

    at: int

    def apply(self, modes: ScreenModes) -> None:
        """Apply it to the modes."""
        modes.reset(self.at)


@dataclass(frozen=True)
class KeyRequest:
    """The program requested a key encoding (`screen_modes.Keys`) by the bytes before the offset `at`."""

    prefix: str
    numbers: tuple[int, ...]
    final: str
    at: int

    def apply(self, modes: ScreenModes) -> None:
        """Apply it to the modes."""
        modes.request_keys(self.at, self.prefix, self.numbers, self.final)


Event = Bell | StateReport | Mode | Reset | KeyRequest


class OutputScanner:
    """Scans the output chunk by chunk; a sequence may begin in one chunk and end in the next."""

    def __init__(self) -> None:
        self.work = 0  # total number of sequences and modes examined: the cost of scanning
        self._scanned = 0  # total number of bytes
        self._tail = b""
        self._string: bytes = b""  # the kind of the open string, "" for none
        self._text = b""  # its first bytes

    def scan(self, data: bytes) -> Iterator[Event]:
        """The events in these bytes. Costs next to nothing without escape sequences and bells."""
        base = self._scanned - len(self._tail)
        self._scanned += len(data)
        if self._tail:
            data, self._tail = self._tail + data, b""
        at = 0
        if self._string:
            at, event = self._go_on(data, 0)
            if event:
                yield event
        yield from self._events(data, at, base)
        if not self._string and (partial := PARTIAL.search(data, max(at, len(data) - LONGEST_PARTIAL))):
            self._tail = partial[0]

    def _events(self, data: bytes, at: int, base: int) -> Iterator[Event]:
        # Single-byte searches first: most output has neither byte, and the rest is far more expensive.
        if self._string or not (b"\x1b" in data or b"\x07" in data) or not any(start in data for start in STARTS):
            return
        has_rung = False
        while True:
            found = SEQUENCE.search(data, at)
            if not has_rung and data.find(b"\x07", at, found.start() if found else len(data)) >= 0:
                has_rung = True  # further bells add nothing
                yield Bell()
            if found is None:
                return
            at = found.end()
            self.work += 1
            if found[1]:
                yield from self._modes(found[1], base + at, is_on=found[2] == b"h")
            elif found[3]:
                self._string, self._text = found[3], b""
                at, event = self._go_on(data, at)
                if event:
                    yield event
            elif found[4]:
                numbers = tuple(int(number or 0) for number in found[5].split(b";"))
                yield KeyRequest(found[4].decode(), numbers, found[6].decode(), base + at)
            else:
                yield Reset(base + at)

    def _modes(self, numbers: bytes, at: int, *, is_on: bool) -> Iterator[Mode]:
        for number in filter(None, numbers.split(b";")):
            self.work += 1
            if int(number) in KNOWN:
                yield Mode(int(number), is_on, at)

    def _go_on(self, data: bytes, at: int) -> tuple[int, Event | None]:
        """Continue in the open string; returns the offset after it, and its event."""
        self.work += 1
        end = END.get(self._string, END_OF_OTHERS).search(data, at)
        stop = end.start() if end else len(data)
        room = LONGEST_STRING - len(self._text)
        self._text += data[at : min(stop, at + room)]
        if end is None:
            return len(data), None
        is_osc, self._string = self._string == b"]", b""
        after = end.end() if end[0] == b"\x07" else end.start()  # an ESC may begin the next one
        return after, _event(self._text) if is_osc else None


def _event(text: bytes) -> Event | None:
    if text in REPORTS:
        return StateReport(REPORTS[text])
    return Bell() if NOTIFICATION.match(text) else None
