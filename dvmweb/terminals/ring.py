"""The replay buffer of a terminal: its last megabyte, addressed by the number of bytes since it began."""

from __future__ import annotations

import mmap
from collections.abc import Callable

CAPACITY = 1 << 20  # bytes


class Ring:
    """A fixed piece of memory that is written round and round; it never grows.

    Offsets count from the terminal's first byte. `start` is the oldest byte still here, `end` one past the newest.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        # Not a bytearray, which is written full of zeros: pages that no output has reached cost nothing here.
        self._view = memoryview(mmap.mmap(-1, capacity, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        self.end = 0

    @property
    def capacity(self) -> int:
        return len(self._view)

    @property
    def start(self) -> int:
        return max(0, self.end - self.capacity)

    def fill(self, read_into: Callable[[list[memoryview]], int], most: int) -> int:
        """Let `read_into` (os.readv of a pty) write at most `most` bytes; return how many it wrote."""
        most = min(most, self.capacity)
        at = self.end % self.capacity
        first = min(most, self.capacity - at)
        room = [self._view[at : at + first]]
        if most > first:
            room.append(self._view[: most - first])
        count = read_into(room)
        self.end += count
        return count

    def append(self, data: bytes) -> None:
        """Add bytes; of more than the capacity only the last are kept."""
        self.end += max(0, len(data) - self.capacity)
        kept = data[-self.capacity :]
        self.fill(lambda room: _copy(kept, room), len(kept))

    def views(self, offset: int, length: int) -> list[memoryview]:
        """The bytes from `offset` on, without a copy; they must still be here."""
        if not self.start <= offset <= offset + length <= self.end:
            raise IndexError(offset)
        at = offset % self.capacity
        first = min(length, self.capacity - at)
        found = [self._view[at : at + first]]
        if length > first:
            found.append(self._view[: length - first])
        return found

    def line_start(self, offset: int, within: int = 4096) -> int:
        """The first offset from `offset` on that begins a line, or `offset` where no line begins soon.

        The oldest byte may lie in the middle of a character or an escape sequence.
        """
        length = min(within, self.end - offset)
        found = b"".join(self.views(offset, length)).find(b"\n")
        return offset + found + 1 if found >= 0 else offset


def _copy(source: bytes, room: list[memoryview]) -> int:
    done = 0
    for place in room:
        count = min(len(place), len(source) - done)
        place[:count] = source[done : done + count]
        done += count
    return done
