"""Reads what limactl writes to a terminal: the bars of its downloads become numbers, all else plain lines.

Without a terminal it writes no bar, and only the bar has the size of an image (measured on Lima 2.2.0).
"""

from __future__ import annotations

import os
import re
import tty
from collections.abc import Callable
from dataclasses import dataclass

from dvmweb.guest_text import visible

LONGEST = 64_000  # bytes of a line that are waited for
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_UNITS = {b"B": 1, b"KiB": 1 << 10, b"MiB": 1 << 20, b"GiB": 1 << 30, b"TiB": 1 << 40}
_AMOUNT = rb"(\d{1,9}(?:\.\d+)?) ([KMGT]i)?B"
# 15.95 MiB / 478.62 MiB [->____] 3.33% ? p/s, and without " / " where the server did not say how much it is.
_BAR = re.compile(_AMOUNT + rb"(?: / " + _AMOUNT + rb")? \[[-<>_]*\] (\d{1,3}\.\d+|\?)%")
_SPEED = re.compile(rb"(?: (?:[\d.]+ (?:[KMGT]i)?B/s|\? p/s))? *")
_DOWNLOADING = b"Downloading "


def terminal() -> tuple[int, int]:
    """A new terminal that changes no byte: our descriptor and that of a child; -1 for both if there is none."""
    try:
        ours, theirs = os.openpty()
    except OSError:
        return -1, -1
    tty.setraw(theirs)
    return ours, theirs


@dataclass
class BarReader:
    """One command's stderr.

    `on_progress` gets what is downloaded, the bytes that are there and all bytes (0: not known); "", 0, 0 at the end.
    """

    on_progress: Callable[[str, int, int], None]
    _rest: bytes = b""  # of a line that is not complete
    _what: str = ""  # is downloaded
    _shown: bool = False

    def read(self, data: bytes) -> bytes:
        """The complete lines of the output up to here, without colours and without bars that are drawn again."""
        *parts, self._rest = re.split(rb"(?<=[\r\n])", self._rest + data)
        if len(self._rest) > LONGEST:
            parts, self._rest = [*parts, self._rest], b""
        return b"".join(map(self._part, parts))

    def end(self) -> bytes:
        """What is left of an output that does not end with a line."""
        rest, self._rest = self._rest, b""
        return self._part(rest)

    def _part(self, raw: bytes) -> bytes:
        """A line, or the state of a bar, with the character that ends it."""
        line = _COLOUR.sub(b"", raw.rstrip(b"\r\n"))
        end = b"\n" if raw.endswith((b"\r", b"\n")) else b""
        bar = _BAR.match(line)
        if bar is None:
            return self._text(line, raw, end)
        behind = line[(_SPEED.match(line, bar.end()) or bar).end() :]
        if behind:  # an error is written behind a bar that has not ended
            return self._text(behind, raw, end)
        if self._what:
            self.on_progress(self._what, *_amounts(bar))
            self._shown = True
        if not raw.endswith(b"\n"):
            return b""
        self._over()
        return line.rstrip() + end

    def _text(self, line: bytes, raw: bytes, end: bytes) -> bytes:
        if not line and raw.endswith(b"\r"):
            return b""
        self._over()
        if line.startswith(_DOWNLOADING):
            self._what = visible(line, 100)
        return line.rstrip() + end

    def _over(self) -> None:
        self._what = ""
        if self._shown:
            self.on_progress("", 0, 0)
            self._shown = False


def _amounts(bar: re.Match[bytes]) -> tuple[int, int]:
    """The bytes that are there, and the whole. Per cent are finer than the bytes in GiB, and never more than all."""
    whole = _bytes(bar[3], bar[4]) if bar[3] else 0
    if not whole or bar[5] == b"?":
        return _bytes(bar[1], bar[2]), whole
    return int(whole * min(float(bar[5]), 100.0) / 100), whole


def _bytes(amount: bytes, unit: bytes | None) -> int:
    return int(float(amount) * _UNITS[(unit or b"") + b"B"])
