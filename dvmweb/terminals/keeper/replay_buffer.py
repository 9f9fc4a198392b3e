"""The replay buffer of a terminal: its last megabyte of output, addressed by byte offset since its start."""

from __future__ import annotations

import mmap
from collections.abc import Callable

CAPACITY = 1 << 20  # bytes


class ReplayBuffer:
    """A ring buffer of fixed size.

    Offsets count from the terminal's first byte. `start` is the oldest byte kept, `end` is one past the newest.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        # mmap instead of a zero-filled bytearray: pages without output use no memory.
        self._view = memoryview(mmap.mmap(-1, capacity, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        self.end = 0

    @property
    def capacity(self) -> int:
        return len(self._view)

    @property
    def start(self) -> int:
        return max(0, self.end - self.capacity)

    def fill(self, read_into: Callable[[list[memoryview]], int], most: int) -> int:
        """Let `read_into` (os.readv of a pty) write up to `most` bytes; returns the number written."""
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
        """Append bytes; only the last `capacity` are kept."""
        self.end += max(0, len(data) - self.capacity)
        kept = data[-self.capacity :]
        self.fill(lambda room: _copy(kept, room), len(kept))

    def views(self, offset: int, length: int) -> list[memoryview]:
        """The bytes from `offset` on, without a copy. Raises IndexError where they are not kept."""
        if not self.start <= offset <= offset + length <= self.end:
            raise IndexError(offset)
        at = offset % self.capacity
        first = min(length, self.capacity - at)
        found = [self._view[at : at + first]]
        if length > first:
            found.append(self._view[: length - first])
        return found

    def line_start(self, offset: int, within: int = 4096) -> int:
        """The first offset from `offset` on where a line starts, or `offset` where none starts `within` bytes.

        The oldest byte may be inside a character or an escape sequence.
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
