"""Writes the answer: bounded records of NUL-terminated fields (dvmweb/guest/protocol.py)."""

from __future__ import annotations

import os
import time

NAME_BYTES = 300
MOST_PROBLEMS = 50  # of one part; one is enough for a failed check
MOST_NAMES = 20


class Setting:
    """The limits of a check: these defaults, or set by the environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        def number(name: str, usual: int) -> int:
            return int(environment.get(name, usual))

        self.repositories = number("DVM_WORK_REPOSITORIES", 2000)
        self.answer_bytes = number("DVM_WORK_BYTES", 800_000)
        self.call_seconds = number("DVM_WORK_CALL_SECONDS", 20)
        self.all_seconds = number("DVM_WORK_SECONDS", 50)
        self.end = time.monotonic() + self.all_seconds

    def seconds_left(self) -> float:
        """The time limit of one call; at least one second, so a late call still names its place."""
        return max(1.0, min(self.call_seconds, self.end - time.monotonic()))

    def is_over(self) -> bool:
        return time.monotonic() >= self.end


def raw(text: str) -> bytes:
    """The original bytes of a text."""
    return os.fsencode(text)


def short(text: str) -> bytes:
    """At most NAME_BYTES bytes of a text."""
    data = raw(text).replace(b"\0", b"?")
    return data if len(data) <= NAME_BYTES else data[: NAME_BYTES - 3] + b"..."


class Records:
    """A group of records: of the whole check, or of one repository."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._problems = 0
        self.size = 0

    def add(self, tag: str, *fields: str | int | bytes) -> None:
        """Add one record; text is cut to NAME_BYTES, bytes are not."""
        values = [field if isinstance(field, bytes) else short(str(field)) for field in fields]
        record = b"\0".join((tag.encode(), str(len(values)).encode(), *values)) + b"\0"
        self._parts.append(record)
        self.size += len(record)

    def problem(self, place: str, reason: str) -> None:
        """Report that something could not be checked; with one such record a report is never clean."""
        self._problems += 1
        if self._problems <= MOST_PROBLEMS:
            self.add("problem", place, reason)

    @property
    def has_problems(self) -> bool:
        return self._problems > 0

    def names(self, tag: str, names: list[str]) -> None:
        """Add a count and the first names; nothing if there are none."""
        if names:
            self.add(tag, len(names), *names[:MOST_NAMES])

    def extend(self, data: bytes) -> None:
        """Add encoded records."""
        self._parts.append(data)

    def data(self) -> bytes:
        return b"".join(self._parts)
