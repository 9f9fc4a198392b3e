"""Records every engine command that was run, one JSON line each, so that the user can see and copy it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dvmweb.files import open_own, private_folder, read_bounded
from dvmweb.paths import Paths

VERSION = 1
ROTATE_AT = 1_000_000  # bytes; one older file is kept
LONGEST_WORD = 4000  # characters of one argument
LONGEST_LINE = 100_000  # bytes


@dataclass(frozen=True)
class Entry:
    """One command that was run. It contains no secret: argv never does, and stdin is not recorded."""

    argv: tuple[str, ...]
    vm: str = ""  # "" for commands about all VMs
    job: str = ""  # the job's id, "" outside of jobs
    time: float = 0.0  # unix seconds of its beginning
    seconds: float = 0.0
    code: int = 0
    ended: str = "exit"


def append(paths: Paths, entry: Entry) -> None:
    """Append one entry; several processes can do so at once. Raises OSError if the disk is full."""
    private_folder(paths.state)
    words = tuple(word if len(word) <= LONGEST_WORD else word[:LONGEST_WORD] + "…" for word in entry.argv)
    stamped = replace(entry, argv=words, time=entry.time or time.time())
    line = _line(stamped)
    if len(line) > LONGEST_LINE:
        line = _line(replace(stamped, argv=(*words[:5], f"… (+{len(words) - 5} words)")))
    descriptor = open_own(paths.ledger, os.O_WRONLY | os.O_APPEND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, line)
        _rotate(paths.ledger, descriptor)
    finally:
        os.close(descriptor)


def _line(entry: Entry) -> bytes:
    return json.dumps({"version": VERSION, **asdict(entry)}).encode() + b"\n"


def _rotate(path: Path, descriptor: int) -> None:
    if os.fstat(descriptor).st_size < ROTATE_AT:
        return
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), path.stat()):  # else another process has just done it
            path.replace(_old(path))


def _old(path: Path) -> Path:
    return path.with_suffix(".old.jsonl")


def read(paths: Paths, *, vm: str | None = None, job: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
    """The last `limit` entries, oldest first; of one VM or job if given. Incomplete lines are ignored."""
    found = [
        entry
        for path in (_old(paths.ledger), paths.ledger)
        for entry in _entries(path)
        if (vm is None or entry.vm == vm) and (job is None or entry.job == job)
    ]
    return tuple(found[-limit:])


def _entries(path: Path) -> Iterator[Entry]:
    try:
        data = read_bounded(path, ROTATE_AT + 2 * LONGEST_LINE, follow=False)
    except FileNotFoundError:
        return
    for line in data.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            yield _entry(json.loads(line))


def _entry(facts: dict[str, object]) -> Entry:
    argv = facts["argv"]
    if not isinstance(argv, list):
        raise ValueError("argv")
    return Entry(
        argv=tuple(str(word) for word in argv),
        vm=str(facts["vm"]),
        job=str(facts["job"]),
        time=float(str(facts["time"])),
        seconds=float(str(facts["seconds"])),
        code=int(str(facts["code"])),
        ended=str(facts["ended"]),
    )
