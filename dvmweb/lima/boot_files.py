"""Reads the files of an instance's last boot: the guest's console, and events and log of Lima's host agent.

The guest writes its console as it likes. All files are opened below one descriptor of the instance's folder, never
through a link, and only their end is read. They are there for a VM that does not respond, and for one that has stopped.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.errors import DvmError, NotFound
from dvmweb.lima.booting import SERIALS

AGENT_FILES = ("ha.stdout.log", "ha.stderr.log")  # events, log; both as JSON lines
NAMES = (*SERIALS, *AGENT_FILES)
MOST_BYTES = 1_000_000  # of the end of a file, and of what is new at once


@dataclass(frozen=True)
class End:
    """The end of a file."""

    name: str
    data: bytes
    size: int  # of the whole file


@dataclass
class BootFiles:
    """The files of one instance; what was read of each is remembered for `more`."""

    folder: int
    _read: dict[str, tuple[int, int]] = field(default_factory=dict)  # inode, offset

    def ends(self) -> Iterator[End]:
        """The end of each file that has content."""
        for name in NAMES:
            with self._opened(name) as (descriptor, facts):
                start = max(0, facts.st_size - MOST_BYTES)
                data = os.pread(descriptor, MOST_BYTES, start) if descriptor >= 0 else b""
                if descriptor >= 0:
                    self._read[name] = (facts.st_ino, start + len(data))
                if data:
                    yield End(name, data if not start else data.partition(b"\n")[2], facts.st_size)

    def end(self, name: str, most: int) -> End | None:
        """The last `most` bytes of one of the files, from the start of a line; None if it is not a plain file.

        Raises KeyError for any other name.
        """
        if name not in NAMES:
            raise KeyError(name)
        with self._opened(name) as (descriptor, facts):
            if descriptor < 0:
                return None
            start = max(0, facts.st_size - most)
            data = os.pread(descriptor, most, start)
        return End(name, data if not start else data.partition(b"\n")[2], facts.st_size)

    def more(self) -> Iterator[tuple[str, bytes]]:
        """What was added to each file since the last call. A start empties the files: then all that is in them."""
        for name in NAMES:
            with self._opened(name) as (descriptor, facts):
                if descriptor < 0:
                    continue
                inode, offset = self._read.get(name, (facts.st_ino, 0))
                if inode != facts.st_ino or facts.st_size < offset:
                    offset = 0
                data = os.pread(descriptor, MOST_BYTES, offset)
                self._read[name] = (facts.st_ino, offset + len(data))
                if data:
                    yield name, data

    def is_deleted(self) -> bool:
        """Whether the folder of the instance was removed."""
        return os.fstat(self.folder).st_nlink == 0

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[int, os.stat_result]]:
        """A descriptor and the facts of a plain file; descriptor -1 for anything else."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.folder)
        except OSError:
            yield -1, os.fstat(self.folder)
            return
        try:
            facts = os.fstat(descriptor)
            yield (descriptor if stat.S_ISREG(facts.st_mode) else -1), facts
        finally:
            os.close(descriptor)


@contextmanager
def opened(lima_home: Path, instance: str, vm: str) -> Iterator[BootFiles]:
    """The files of an instance. Raises NotFound if there is none, DvmError if its folder cannot be read."""
    path = lima_home / instance
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"{vm} is not created, so it never booted.", f"Create it: dvm sync {vm}") from None
    except OSError as error:
        is_link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        why = "is a link, or no folder" if is_link else f"cannot be read: {error.strerror}"
        raise DvmError(f"{path} {why}.", "Lima makes a folder there.") from error
    try:
        yield BootFiles(folder)
    finally:
        os.close(folder)
