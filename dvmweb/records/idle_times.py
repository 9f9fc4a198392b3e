"""Stores for how long each VM was not used while the dashboard ran, and whether it was stopped for that."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

FILE = "idle.json"
MOST_BYTES = 10_000
MOST_TEXT = 300  # characters


@dataclass(frozen=True)
class IdleTime:
    """What was counted for one VM. Times are in seconds since the epoch."""

    seconds: float = 0.0  # without use, counted only while the dashboard ran and this computer was awake
    at: float = 0.0  # of the last count; 0 before the first
    use: str = ""  # the mark of its boot and its last use then
    busy: str = ""  # why it was in use then, safe to show; "" if it was not
    warned_at: float = 0.0  # since when the stop is announced; 0 if it is not
    problem: str = ""  # why it was not stopped although it was due, safe to show
    job: str = ""  # of the last stop for this reason, "" if it has run since
    stopped_at: float = 0.0  # when that was


def read(paths: Paths, vm: str) -> IdleTime:
    """The record of a VM; an empty one if there is none or it cannot be read."""
    with suppress(OSError, DvmError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST_BYTES))
        return IdleTime(
            seconds=float(facts["seconds"]),
            at=float(facts["at"]),
            use=str(facts["use"])[:MOST_TEXT],
            busy=str(facts["busy"])[:MOST_TEXT],
            warned_at=float(facts["warned_at"]),
            problem=str(facts["problem"])[:MOST_TEXT],
            job=str(facts["job"])[:MOST_TEXT],
            stopped_at=float(facts["stopped_at"]),
        )
    return IdleTime()


def write(paths: Paths, vm: str, record: IdleTime) -> None:
    """Store the record of a VM."""
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(asdict(record)).encode())
