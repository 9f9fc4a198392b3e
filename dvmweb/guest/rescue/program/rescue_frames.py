"""Writes bytes of unknown number into an answer: frames of a letter, a length of four bytes, and so many bytes.

`D` has the next bytes, `T` has none and means that the guest is still at work, `E` has none and is the last one.
"""

from __future__ import annotations

import contextlib
import threading

from guest_place import signs_of_life, write_all
from work_records import Setting


class Frames:
    """A stream of frames, as a file for tarfile."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, data: bytes) -> int:
        """Write one frame with these bytes."""
        self._frame(b"D", data)
        return len(data)

    def tick(self) -> None:
        """Write a sign of life."""
        self._frame(b"T", b"")

    def end(self) -> None:
        """Write the last frame."""
        self._frame(b"E", b"")

    def _frame(self, kind: bytes, data: bytes) -> None:
        with self._lock:
            write_all(self._file, kind + len(data).to_bytes(4, "big") + data)


def ticking(frames: Frames, setting: Setting) -> contextlib.AbstractContextManager[None]:
    """Write a sign of life every few seconds, until the time limit."""
    return signs_of_life(lambda: None if setting.is_over() else frames.tick())
