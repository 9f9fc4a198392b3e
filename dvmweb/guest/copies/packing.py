"""Packs a file or folder into a tar stream. Runs on the host and in guests: standard library alone, Python 3.9."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dvmweb.guest.copies.tally import (
    CHUNK,
    DIRECTORY,
    FILE,
    FOLDER,
    MOST_DEPTH,
    Tally,
    Unusable,
    kind_name,
    opened,
    reason,
)


class Entry(NamedTuple):
    """A file or folder below the packed one."""

    path: str  # relative to the packed folder
    facts: os.stat_result
    folder: int  # the descriptor of the folder that holds it
    name: str


def kind_of(top: str) -> str:
    """Whether a path, links followed, is a file or a folder. Raises OSError, Unusable for anything else."""
    mode = os.stat(top).st_mode
    if stat.S_ISDIR(mode):
        return FOLDER
    if stat.S_ISREG(mode):
        return FILE
    raise Unusable(f"it is {kind_name(mode)}")


def survey(top: str) -> Tally:
    """Count what `pack` would copy of a file or folder. Raises OSError, Unusable."""
    tally = Tally()
    if kind_of(top) == FILE:
        tally.files, tally.bytes = 1, os.stat(top).st_size
        return tally
    with opened(os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
        for entry in _walk(folder, "", 1, tally):
            if stat.S_ISDIR(entry.facts.st_mode):
                tally.folders += 1
            else:
                tally.files += 1
                tally.bytes += entry.facts.st_size
    return tally


def pack(top: str, out: BinaryIO, tally: Tally) -> None:
    """Write a file, as the entry "file", or the entries of a folder; `tally` counts them meanwhile.

    A file that becomes shorter meanwhile is filled with zeros and listed as skipped. Raises OSError, Unusable.
    """
    is_folder = kind_of(top) == FOLDER
    flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_DIRECTORY if is_folder else os.O_NONBLOCK)
    with (
        opened(os.open(top, flags)) as source,
        tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar,
    ):
        if not is_folder:
            pack_into(tar, FILE, source, tally)
            return
        for entry in _walk(source, "", 1, tally):
            if stat.S_ISDIR(entry.facts.st_mode):
                tar.addfile(_header(entry.path, entry.facts, None))
                tally.folders += 1
            else:
                _pack_entry(tar, entry, tally)


def _pack_entry(tar: tarfile.TarFile, entry: Entry, tally: Tally) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(entry.name, flags, dir_fd=entry.folder)
    except OSError as error:
        tally.skip(entry.path, reason(error))
        return
    with opened(file):
        pack_into(tar, entry.path, file, tally)


def pack_open_file(file: int, out: BinaryIO, tally: Tally) -> None:
    """The same for a file that is open, from its position on."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar:
        pack_into(tar, FILE, file, tally)


def _walk(folder: int, prefix: str, depth: int, tally: Tally) -> Iterator[Entry]:
    """What lies in a folder, by name; other things than files and folders are skipped."""
    try:
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found)
    except OSError as error:
        tally.skip(prefix or ".", reason(error))
        return
    for name in names:
        path = prefix + name
        try:
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode):
                yield Entry(path, facts, folder, name)
            elif not stat.S_ISDIR(facts.st_mode):
                tally.skip(path, f"is {kind_name(facts.st_mode)}")
            elif depth >= MOST_DEPTH:
                tally.skip(path, f"lies more than {MOST_DEPTH} folders deep")
            else:
                with opened(os.open(name, DIRECTORY, dir_fd=folder)) as inner:
                    yield Entry(path, facts, folder, name)
                    yield from _walk(inner, f"{path}/", depth + 1, tally)
        except OSError as error:
            tally.skip(path, reason(error))


def pack_into(tar: tarfile.TarFile, path: str, file: int, tally: Tally) -> None:
    """Add an open file to an archive; anything but a plain file is listed as skipped."""
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode):
        tally.skip(path, f"is {kind_name(facts.st_mode)}")
        return
    source = _Source(file, facts.st_size, tally)
    tar.addfile(_header(path, facts, facts.st_size), source)  # type: ignore[arg-type]
    tally.files += 1
    if source.missing:
        tally.skip(path, "changed while it was read")


def _header(path: str, facts: os.stat_result, size: int | None) -> tarfile.TarInfo:
    return header(path, size, is_program=bool(facts.st_mode & 0o100), changed=int(facts.st_mtime))


def header(path: str, size: int | None, *, is_program: bool, changed: int) -> tarfile.TarInfo:
    """The header of a file of `size` bytes, or with None of a folder; `changed`: seconds since the epoch."""
    made = tarfile.TarInfo(path)
    made.type = tarfile.DIRTYPE if size is None else tarfile.REGTYPE
    made.size = size or 0
    made.mode = 0o755 if is_program else 0o644
    made.mtime = max(changed, 0)
    return made


class _Source:
    """The first `size` bytes of a file; zeros where it has become shorter."""

    def __init__(self, file: int, size: int, tally: Tally) -> None:
        self._file, self._left, self._tally = file, size, tally
        self.missing = 0

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        data = b""
        while len(data) < size:  # tarfile takes a short read for the end
            more = b"" if self.missing else os.read(self._file, size - len(data))
            if not more:
                self.missing += size - len(data)
            data += more or bytes(size - len(data))
        self._left -= len(data)
        self._tally.bytes += len(data)
        return data
