"""Reads the entries of a tar stream. Runs on the host and in guests: standard library alone, Python 3.9.

The sender is not trusted: names, types and sizes are judged here. `tarfile` reads headers only; nothing of it writes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from dvmweb.guest.copies.tally import CHUNK, FILE, MOST_DEPTH, Incomplete, Readable, Tally, Unusable

MOST_HEADER = 65536  # bytes that may be read at once for a header; a path has 4096 at most
MOST_ENTRIES = 500_000  # of one archive
MOST_SKIPPED = 1 << 30  # bytes of what is not copied
INCOMPLETE = "the archive is incomplete or invalid"


class _Reader:
    """A pipe as `tarfile` reads headers from it: forward only, and never much at once."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._at = stream, 0
        self._last = b""

    @property
    def is_at_end(self) -> bool:
        """An archive ends with an empty block; one that was cut between two entries does not."""
        return self._last == bytes(tarfile.BLOCKSIZE)

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise Unusable("a header of the archive is too long")
        self._last = b"".join(self.chunks(size))
        return self._last

    def seek(self, offset: int) -> None:
        if offset < self._at:
            raise Incomplete(INCOMPLETE)
        for _ in self.chunks(offset - self._at):
            pass

    def chunks(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, fewer at the end of the stream."""
        while size > 0:
            data = self._stream.read(min(size, CHUNK))
            if not data:
                return
            size -= len(data)
            self._at += len(data)
            yield data


def accepted(stream: Readable, kind: str, tally: Tally) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """The plain files and folders of an archive, each with its bytes; the rest is noted as skipped. Raises Unusable."""
    reader, skipped = _Reader(stream), 0
    try:
        with tarfile.open(fileobj=reader, mode="r:", errors="surrogateescape") as tar:  # type: ignore[call-overload]
            for count in range(MOST_ENTRIES + 1):
                entry = tar.next()
                tar.members = []  # they are kept otherwise
                if entry is None and reader.is_at_end:
                    return
                if entry is None:
                    break
                if count == MOST_ENTRIES:
                    raise Unusable(f"it has more than {MOST_ENTRIES} entries")
                if why := _why_not(entry, kind):
                    tally.skip(entry.name, why)
                    skipped += max(entry.size, 0)
                    if skipped > MOST_SKIPPED:
                        raise Unusable("it has too much that is not copied")
                else:
                    yield entry, reader.chunks(entry.size if entry.isreg() else 0)
        raise Incomplete(INCOMPLETE)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError):
        raise Incomplete(INCOMPLETE) from None


def _why_not(entry: tarfile.TarInfo, kind: str) -> str:
    """Why an entry is skipped, "" for one that is taken."""
    parts = entry.name.split("/")
    if entry.name.startswith("/") or ".." in parts:
        return "leads out of the folder"
    if len(parts) > MOST_DEPTH + 1:
        return f"lies more than {MOST_DEPTH} folders deep"
    if any(ord(character) < 32 or ord(character) == 127 for character in entry.name):
        return "has a name with control characters"
    if kind == FILE and (entry.name != FILE or not entry.isreg()):
        return "was not asked for"
    if entry.issparse() or not (entry.isreg() or entry.isdir()):
        return "is neither a plain file nor a folder"
    return "has an invalid size" if entry.size < 0 else ""
