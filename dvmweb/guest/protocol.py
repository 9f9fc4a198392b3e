"""The wire format of the answers of guest scripts: records of NUL-terminated fields.

A file name in a guest can have any byte except NUL, so NUL is the only separator that cannot be forged. An answer is

    dvm-answer NUL kind NUL version NUL nonce NUL   (tag NUL count NUL field NUL ...)*   end NUL 1 NUL nonce NUL

Output before the header (a login shell may print) and after the end is ignored. Each question has a new nonce, so an
old answer, or the answer to another question, is never accepted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from dvmweb.errors import CheckFailed

VERSION = "1"
MAX_BYTES = 1_000_000
MAX_FIELDS = 64
MAX_RECORDS = {"work": 30_000, "list_folder": 2_010}  # of one answer; more would only cost time to read
MAX_RECORDS_ELSE = 1_000
MAX_NULS = 300_000
MAX_FIELD = 65536  # bytes of one field in a streamed answer
TRY_AGAIN = "Try again. If it fails again, open a shell in the VM with `dvm sh` and check."


@dataclass(frozen=True)
class Record:
    """One record of an answer: its tag, and its fields as raw bytes of the guest."""

    tag: str
    fields: tuple[bytes, ...]


def header(kind: str, nonce: str) -> bytes:
    """The beginning of the answer of `kind` to `nonce`."""
    return f"dvm-answer\0{kind}\0{VERSION}\0{nonce}\0".encode()


def parse(output: bytes, kind: str, nonce: str) -> tuple[Record, ...]:
    """Return the records of the answer of `kind` to `nonce`. Raises CheckFailed if it is incomplete or invalid."""
    begin = f"dvm-answer\0{kind}\0".encode()
    start = output.find(begin)
    if start < 0:
        raise CheckFailed(f"The guest did not answer the {kind} question.", TRY_AGAIN)
    if output.count(b"\0", start) > MAX_NULS:
        raise _too_many(kind)
    fields = iter(output[start + len(begin) :].split(b"\0")[:-1])
    if next(fields, b"") != VERSION.encode():
        raise CheckFailed(f"The guest's {kind} answer is for another version of dvm.", TRY_AGAIN)
    if next(fields, b"") != nonce.encode():
        raise CheckFailed(f"The guest's {kind} answer is for another question.", TRY_AGAIN)
    return tuple(_records(fields, kind, nonce))


def _records(fields: Iterator[bytes], kind: str, nonce: str) -> Iterator[Record]:
    left = MAX_RECORDS.get(kind, MAX_RECORDS_ELSE)
    for raw_tag in fields:
        if left == 0 and raw_tag != b"end":
            raise _too_many(kind)
        left -= 1
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
    raise CheckFailed(f"The guest's {kind} answer is incomplete.", TRY_AGAIN)


def _too_many(kind: str) -> CheckFailed:
    return CheckFailed(f"The guest's {kind} answer has too many records.", TRY_AGAIN)


class Reader:
    """Reads an answer as it arrives. The answer is valid only once `is_whole` is true.

    Behind a record with the tag `raw` come bytes of another format: `rest` gets those that were fed with it.
    """

    def __init__(self, kind: str, nonce: str, raw: str = "") -> None:
        self._raw = raw
        self.rest: bytes | None = None
        self._header = header(kind, nonce)
        self._end = Record("end", (nonce.encode(),))
        self._has_begun = False
        self._pending = b""  # of the header, later of one field
        self._fields: deque[bytes] = deque()
        self.is_whole = False

    def feed(self, output: bytes) -> tuple[Record, ...]:
        """The records that are complete by now. Raises CheckFailed for an invalid one."""
        self._pending += output
        if not self._has_begun:
            _, header, behind = self._pending.partition(self._header)
            self._has_begun = bool(header)
            self._pending = behind if header else self._pending[-len(self._header) :]
        if not self._has_begun:
            return ()
        *fields, self._pending = self._pending.split(b"\0")
        self._fields += fields
        records = tuple(self._records())
        if self.rest is None and len(self._pending) > MAX_FIELD:
            raise CheckFailed("The guest's answer has a field that is too long.", TRY_AGAIN)
        return records

    def _records(self) -> Iterator[Record]:
        while len(self._fields) >= 2 and not self.is_whole and self.rest is None:
            count = number(self._fields[1], MAX_FIELDS)
            if len(self._fields) < 2 + count:
                return
            tag, _, *values = (self._fields.popleft() for _ in range(2 + count))
            record = Record(tag.decode("ascii", "replace"), tuple(values))
            self.is_whole = record == self._end
            if self._raw and record.tag == self._raw:
                self.rest = b"\0".join((*self._fields, self._pending))
            if not self.is_whole:
                yield record


def number(field: bytes, most: int) -> int:
    """Parse a number of the guest: decimal digits, 0 to `most`. Raises CheckFailed for anything else."""
    if not (1 <= len(field) <= 15 and field.isdigit() and int(field) <= most):
        raise CheckFailed("The guest's answer has an invalid number.", TRY_AGAIN)
    return int(field)
