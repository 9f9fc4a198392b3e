"""What a copy between host and guest counts, and what its two ends share. Runs on the host and in guests."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

FILE, FOLDER = "file", "folder"
MOST_DEPTH = 100  # folders in each other
MOST_NAMED = 500  # skipped entries that are listed by name
CHUNK = 1 << 18
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Unusable(Exception):
    """The archive cannot be unpacked, or its place cannot be used; the argument is a clause that says why."""


class Incomplete(Unusable):
    """The archive ended before its end, or is no archive."""


class Readable(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; b"" at the end."""


@dataclass
class Tally:
    """What was copied, and what was not."""

    files: int = 0
    folders: int = 0
    bytes: int = 0  # of the files
    skipped: list[tuple[str, str]] = field(default_factory=list)  # name and reason, MOST_NAMED at most
    skipped_count: int = 0

    def skip(self, name: str, why: str) -> None:
        """Note an entry that is not copied."""
        self.skipped_count += 1
        if len(self.skipped) < MOST_NAMED:
            self.skipped.append((name, why))


@contextlib.contextmanager
def opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def kind_name(mode: int) -> str:
    return next((what for test, what in KINDS if test(mode)), "neither a file nor a folder")


def reason(error: OSError) -> str:
    return f"cannot be copied: {os.strerror(error.errno or 0)}"
