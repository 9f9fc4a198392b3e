"""The wire format of every answer that a script of ours gives from a guest: records of NUL-ended fields.

A name in a guest may hold anything but NUL, so NUL is the only separator that nobody can forge. An answer is

    dvm-answer NUL kind NUL version NUL nonce NUL   (tag NUL count NUL field NUL ...)*   end NUL 1 NUL nonce NUL

Whatever stands before the header (a login shell may print) or after the end is ignored. The nonce is new for each
question, so an old answer, or one to another question, never counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from dvmweb.errors import CouldNotLook

VERSION = "1"
MAX_BYTES = 1_000_000
MAX_FIELDS = 64
MAX_FIELD = 65536  # bytes of one field in an answer that is read while it comes
TRY_AGAIN = "Try again; if it stays so, `dvm sh` shows what the guest does."


@dataclass(frozen=True)
class Record:
    """One line of an answer: what it is about, and its fields as the guest's raw bytes."""

    tag: str
    fields: tuple[bytes, ...]


def parse(output: bytes, kind: str, nonce: str) -> tuple[Record, ...]:
    """Return the records of the answer of `kind` to `nonce`; raise CouldNotLook when it is not whole and ours."""
    header = f"dvm-answer\0{kind}\0".encode()
    start = output.find(header)
    if start < 0:
        raise CouldNotLook(f"The guest gave no {kind} answer.", TRY_AGAIN)
    fields = iter(output[start + len(header) :].split(b"\0")[:-1])
    if next(fields, b"") != VERSION.encode():
        raise CouldNotLook(f"The guest's {kind} answer has another version than this dvm.", TRY_AGAIN)
    if next(fields, b"") != nonce.encode():
        raise CouldNotLook(f"The guest's {kind} answer is not the answer to this question.", TRY_AGAIN)
    return tuple(_records(fields, kind, nonce))


def _records(fields: Iterator[bytes], kind: str, nonce: str) -> Iterator[Record]:
    for raw_tag in fields:
        tag = raw_tag.decode("ascii", "replace")
        count = number(next(fields, b""), MAX_FIELDS)
        values = tuple(value for _, value in zip(range(count), fields, strict=False))
        if len(values) < count:
            break
        if tag == "end":
            if values != (nonce.encode(),):
                break
            return
        yield Record(tag, values)
    raise CouldNotLook(f"The guest's {kind} answer is cut off.", TRY_AGAIN)


class Reader:
    """Reads an answer while it still comes; only its end makes it one that counts: `is_whole`."""

    def __init__(self, kind: str, nonce: str) -> None:
        self._header = f"dvm-answer\0{kind}\0{VERSION}\0{nonce}\0".encode()
        self._end = Record("end", (nonce.encode(),))
        self._has_begun = False
        self._pending = b""  # of the header, later of one field
        self._fields: deque[bytes] = deque()
        self.is_whole = False

    def feed(self, output: bytes) -> tuple[Record, ...]:
        """The records that are whole by now. Raises CouldNotLook for what cannot be one."""
        self._pending += output
        if not self._has_begun:
            _, header, behind = self._pending.partition(self._header)
            self._has_begun = bool(header)
            self._pending = behind if header else self._pending[-len(self._header) :]
        if not self._has_begun:
            return ()
        *fields, self._pending = self._pending.split(b"\0")
        self._fields += fields
        if len(self._pending) > MAX_FIELD:
            raise CouldNotLook("The guest's answer holds a field that is too long.", TRY_AGAIN)
        return tuple(self._records())

    def _records(self) -> Iterator[Record]:
        while len(self._fields) >= 2 and not self.is_whole:
            count = number(self._fields[1], MAX_FIELDS)
            if len(self._fields) < 2 + count:
                return
            tag, _, *values = (self._fields.popleft() for _ in range(2 + count))
            record = Record(tag.decode("ascii", "replace"), tuple(values))
            self.is_whole = record == self._end
            if not self.is_whole:
                yield record


def number(field: bytes, most: int) -> int:
    """Read a count from the guest: decimal digits from 0 to `most`; raise CouldNotLook for anything else."""
    if not (1 <= len(field) <= 15 and field.isdigit() and int(field) <= most):
        raise CouldNotLook("The guest's answer holds a number that cannot be.", TRY_AGAIN)
    return int(field)
