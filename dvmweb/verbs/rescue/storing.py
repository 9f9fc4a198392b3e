"""Stores a rescue as a file that only this user can read; it gets its name when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from dvmweb.errors import NotNow, UsageError
from dvmweb.guest.copies import unpacking
from dvmweb.guest.copies.tally import FILE
from dvmweb.guest.copies.unpacking import Exists, Plan
from dvmweb.verbs.copies.endpoints import HostTarget
from dvmweb.verbs.uploads.messages import RESERVE

CHECK_EVERY = 16 << 20  # bytes written between two looks at the free space


@contextmanager
def stored(place: HostTarget, *, is_forced: bool) -> Iterator[BinaryIO]:
    """A new file for the bytes; without an error at the end it gets its name, else nothing is left.

    Raises UsageError if there is something of this name, and NotNow if it cannot be written.
    """
    parent = os.open(place.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        unpacking.remove_partials(parent)
        if os.path.lexists(place.folder / place.name) and not is_forced:
            raise _exists(place)
        if is_forced and (place.folder / place.name).is_dir():
            raise UsageError(f"{place.folder / place.name} is a folder.", "Give the name of a file.")
        with unpacking.partial_folder(parent) as (_, into):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(FILE, flags, 0o600, dir_fd=into), "wb", buffering=0) as file:  # noqa: PTH123
                yield file
                os.fsync(file.fileno())
            unpacking.name_file(Plan(parent, place.name, FILE, is_forced, others=0, most_bytes=0), into)
    except Exists:
        raise _exists(place) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NotNow(f"The rescue cannot be written: {os.strerror(error.errno or 0)}.", "Make room.") from error
    finally:
        os.close(parent)


class Bounded:
    """Writes all bytes to a file while the disk has free space."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self._next_check = 0

    def write(self, data: bytes) -> None:
        """Write all bytes. Raises NotNow when the disk is almost full."""
        if self.size >= self._next_check:
            room = os.fstatvfs(self._file.fileno())
            if room.f_bavail * room.f_frsize < RESERVE + CHECK_EVERY:
                raise NotNow("There is not enough space here for the rescue.", "Free some, or name another folder.")
            self._next_check = self.size + CHECK_EVERY
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self.size += len(data)


def _exists(place: HostTarget) -> UsageError:
    return UsageError(f"{place.folder / place.name} exists already.", "Give another name, or replace it with --force.")
