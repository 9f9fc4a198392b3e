"""Stores what is known of each entry of the trash: which VM it was, since when, its config and its unsaved work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.names import vm_of_entry
from dvmweb.paths import Paths
from dvmweb.records import kept_records
from dvmweb.records.known_work import WorkStatus

VERSION = 1
DAYS = 14  # until an entry expires
DAY = 86_400.0  # seconds
MOST = 1_000_000  # bytes of entry.json
LINES = 200  # of a report
FILE = "entry.json"


@dataclass(frozen=True)
class Work:
    """What was known of the unsaved work of the VM when it was moved."""

    verdict: str  # as in `dvm ls --json`
    summary: str
    checked_at: float  # seconds since the epoch
    lines: tuple[str, ...]  # of the report, safe to show


@dataclass(frozen=True)
class TrashRecord:
    """One entry as it is recorded."""

    entry: str  # "app-1a2b3c4d"; its instance is "dvmtrash-app-1a2b3c4d"
    vm: str = ""  # the name it had, "" if not known
    at: float = 0.0  # when it was moved, seconds since the epoch; 0 if not known
    work: Work | None = None  # None if not known
    identity: str = ""  # of its guest
    has_key: bool = False  # an SSH key of its guest is known
    restored_as: str = ""  # the name under which a restore has begun

    @property
    def expires(self) -> float:
        """When it expires, seconds since the epoch; 0 if not known."""
        return self.at + DAYS * DAY if self.at else 0.0

    def is_expired(self, now: float) -> bool:
        """Whether it has expired; one whose date is not known never has."""
        return 0 < self.expires <= now


def work_of(known: WorkStatus | None) -> Work | None:
    """What is known of unsaved work, in the form that is recorded."""
    if known is None:
        return None
    verdict = "not known" if known.is_doubted else known.verdict.value
    found = known.main_report
    return Work(verdict, known.summary, found.checked_at, found.lines()[:LINES])


def parsed_work(facts: dict[str, Any] | None) -> Work | None:
    """What was known of unsaved work, as it was read. Raises TypeError, KeyError, AttributeError."""
    return Work(**facts | {"lines": tuple(facts["lines"])}) if facts else None


def write(paths: Paths, record: TrashRecord, config: bytes) -> None:
    """Record an entry with the config and the records of its VM; entry.json comes last."""
    folder = files.private_folder(files.private_folder(paths.trash) / record.entry)
    kept_records.keep(paths, record.vm, folder, config)
    rewrite(paths, record)


def rewrite(paths: Paths, record: TrashRecord) -> None:
    """Replace entry.json."""
    kept_records.rewrite(paths.trash / record.entry / FILE, {"version": VERSION, **asdict(record)})


def read(paths: Paths, entry: str) -> TrashRecord:
    """What is recorded of an entry; if nothing is, only its name."""
    with suppress(FileNotFoundError, DvmError, ValueError, KeyError, TypeError, AttributeError):
        facts = json.loads(files.read_bounded(paths.trash / entry / FILE, MOST))
        if facts.pop("version") == VERSION and facts["entry"] == entry:
            found = TrashRecord(**facts | {"work": parsed_work(facts["work"])})
            return replace(found, at=float(found.at), vm=str(found.vm))
    return TrashRecord(entry, vm_of_entry(entry))


def entries(paths: Paths) -> tuple[str, ...]:
    """The names of all recorded entries, also of those whose instance does not exist."""
    return kept_records.names(paths.trash)


def expired(paths: Paths, now: float) -> Iterator[str]:
    """The recorded entries that have expired."""
    return (entry for entry in entries(paths) if read(paths, entry).is_expired(now))


def config_of(paths: Paths, entry: str) -> bytes | None:
    """The text of the config when the VM was moved, None if it is not known."""
    return kept_records.config_of(paths.trash / entry)


def put_back(paths: Paths, entry: str, vm: str) -> str:
    """Put the records of the VM back: see `kept_records.put_back`."""
    return kept_records.put_back(paths, paths.trash / entry, vm)


def forget(paths: Paths, entry: str) -> None:
    """Remove what is recorded of an entry; entry.json goes first, so that no half record is read."""
    kept_records.forget(paths.trash / entry / FILE)
