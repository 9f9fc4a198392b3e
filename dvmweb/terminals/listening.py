"""Hear in a terminal's output what the keeper acts on: bells, an agent's own word, modes of the screen. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dvmweb.terminals.modes import KNOWN

# The word of an agent's hook: OSC 777 ; dvm ; waits. Other OSC 9, 99 and 777;notify are what terminals call notices.
WORDS = {b"777;dvm;works": "works", b"777;dvm;waits": "waits"}  # an end is a fact of ours, never a word
NOTICE = re.compile(rb"(?:9;(?!4;)|99;|777;notify;)")  # OSC 9;4 tells progress
SIGNS = (b"\x07", b"\x1b]", b"\x1b[?", b"\x1bc", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX")
EVENT = re.compile(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b([\]PX^_])|(\x07)|(\x1bc)")
PARTIAL = re.compile(rb"\x1b(?:\[(?:\?[0-9;]{0,40})?)?\Z")
LONGEST_PARTIAL = 48  # bytes
END = {b"]": re.compile(rb"[\x07\x18\x1a\x1b]")}  # BEL ends an OSC, and is part of the other strings
END_OF_OTHERS = re.compile(rb"[\x18\x1a\x1b]")
LONGEST_STRING = 64  # bytes of a string that are looked at


@dataclass(frozen=True)
class Bell:
    """The program asks for attention."""


@dataclass(frozen=True)
class Told:
    """An agent's own word: works or waits."""

    word: str


@dataclass(frozen=True)
class Mode:
    """A DEC private mode that matters was set or reset by the bytes before the offset `at`."""

    number: int
    is_on: bool
    at: int


@dataclass(frozen=True)
class Reset:
    """The whole screen was reset (RIS) by the bytes before the offset `at`."""

    at: int


Event = Bell | Told | Mode | Reset


class Listener:
    """Takes the output piece by piece; a sequence may begin in one piece and end in the next."""

    def __init__(self) -> None:
        self._heard = 0  # bytes, all in all
        self._tail = b""
        self._string: bytes = b""  # the kind of string that is open, "" for none
        self._text = b""  # its first bytes

    def hear(self, data: bytes) -> Iterator[Event]:
        """What these bytes hold. Costs next to nothing where there is no escape and no bell."""
        base = self._heard - len(self._tail)
        self._heard += len(data)
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
        # One look for one byte each: most output holds neither, and the rest is far dearer.
        if self._string or not (b"\x1b" in data or b"\x07" in data) or not any(sign in data for sign in SIGNS):
            return
        while found := EVENT.search(data, at):
            at = found.end()
            if found[1]:
                yield from _modes(found[1], base + at, is_on=found[2] == b"h")
            elif found[3]:
                self._string, self._text = found[3], b""
                at, event = self._go_on(data, at)
                if event:
                    yield event
            else:
                yield Bell() if found[4] else Reset(base + at)

    def _go_on(self, data: bytes, at: int) -> tuple[int, Event | None]:
        """Read on in the open string; where it ends, and what it said."""
        end = END.get(self._string, END_OF_OTHERS).search(data, at)
        stop = end.start() if end else len(data)
        room = LONGEST_STRING - len(self._text)
        self._text += data[at : min(stop, at + room)]
        if end is None:
            return len(data), None
        is_osc, self._string = self._string == b"]", b""
        after = end.end() if end[0] == b"\x07" else end.start()  # an ESC may begin the next one
        return after, _said(self._text) if is_osc else None


def _modes(numbers: bytes, at: int, *, is_on: bool) -> Iterator[Mode]:
    for number in numbers.split(b";"):
        if number and int(number) in KNOWN:
            yield Mode(int(number), is_on, at)


def _said(text: bytes) -> Event | None:
    if text in WORDS:
        return Told(WORDS[text])
    return Bell() if NOTICE.match(text) else None
