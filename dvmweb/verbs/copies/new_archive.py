"""Writes what a guest sent as a new archive: plain files and folders, and what was not copied as a text file."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from dvmweb.guest.copies import packing
from dvmweb.guest.copies.tally import Incomplete, Tally
from dvmweb.guest_text import visible

NOT_COPIED = "NOT COPIED BY DVM.txt"  # an entry of an archive

Entries = Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]


def write(entries: Entries, out: BinaryIO, tally: Tally, read_trailer: Callable[[], None], *, is_listed: bool) -> None:
    """Write all entries. `read_trailer` notes in `tally` what the guest skipped; `is_listed` adds that as a file."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for entry, chunks in entries:
            archive.addfile(_plain(entry), _Chunks(chunks) if entry.isreg() else None)  # type: ignore[arg-type]
        read_trailer()
        if is_listed and tally.skipped_count:
            text = _not_copied(tally)
            header = packing.header(NOT_COPIED, len(text), is_program=False, changed=int(time.time()))
            archive.addfile(header, io.BytesIO(text))


def _not_copied(tally: Tally) -> bytes:
    """What was not copied, as a text file."""
    lines = [f"{visible(name, 300)} {why}" for name, why in tally.skipped]
    if more := tally.skipped_count - len(lines):
        lines.append(f"and {more} more")
    return "".join(f"{line}\n" for line in lines).encode()


def counted(entries: Entries, tally: Tally, on_change: Callable[[], None]) -> Entries:
    def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for data in chunks:
            tally.bytes += len(data)
            on_change()
            yield data

    for entry, chunks in entries:
        tally.files += entry.isreg()
        tally.folders += entry.isdir()
        yield entry, counted(chunks)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """A header with nothing but what is wanted of a file or folder."""
    is_program = entry.isdir() or bool(entry.mode & 0o100)
    size = entry.size if entry.isreg() else None
    return packing.header(entry.name, size, is_program=is_program, changed=min(int(entry.mtime), int(time.time())))


class _Chunks:
    """Chunks as the file that tarfile wants to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, b""

    def read(self, size: int) -> bytes:
        while len(self._left) < size:
            data = next(self._chunks, b"")
            if not data:
                raise Incomplete("the archive ended")
            self._left += data
        data, self._left = self._left[:size], self._left[size:]
        return data
