"""Stores what a verb on several VMs became, so that its page can say so also after the dashboard has ended."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError, NotFound
from dvmweb.jobs.job_record import Process
from dvmweb.names import is_id
from dvmweb.paths import Paths

FOLDER = "several"
MOST_BYTES = 500_000
KEPT = 20
WAITING, RUNNING, SKIPPED = "waiting", "running", "skipped"


@dataclass(frozen=True)
class Part:
    """One VM of it."""

    name: str
    result: str  # waiting, running, skipped, or how it ended: done, failed, cancelled, interrupted
    detail: str = ""  # why it was skipped or failed
    job: str = ""  # the id of its last job, "" for none
    left: tuple[str, ...] = ()  # the verbs that were not started yet


@dataclass(frozen=True)
class Record:
    """One verb on several VMs."""

    id: str
    verb: str
    at: float  # seconds since the epoch
    process: Process | None  # the dashboard that starts the jobs
    parts: tuple[Part, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing is started any more: all have ended, or the dashboard that would start them has."""
        is_dead = self.process is None or not self.process.is_alive
        return is_dead or all(one.result not in (WAITING, RUNNING) for one in self.parts)


def write(paths: Paths, record: Record) -> None:
    """Store a record as a whole."""
    files.private_folder(paths.state)
    folder = files.private_folder(paths.state / FOLDER)
    files.write_whole(folder / f"{record.id}.json", json.dumps(asdict(record)).encode())


def read(paths: Paths, record_id: str) -> Record:
    """Return a record. Raises NotFound for an id that is none, or that was forgotten or cannot be read."""
    with suppress(FileNotFoundError, DvmError, ValueError, TypeError, KeyError, AttributeError):
        if is_id(record_id):
            facts = json.loads(files.read_bounded(paths.state / FOLDER / f"{record_id}.json", MOST_BYTES))
            parts = tuple(Part(**{**one, "left": tuple(one["left"])}) for one in facts.pop("parts"))
            process = facts.pop("process")
            return Record(**facts, process=Process(**process) if process else None, parts=parts)
    raise NotFound("This list of started jobs is not known any more.", "The page of jobs shows all jobs.")


def forget_old(paths: Paths) -> None:
    """Remove all but the newest KEPT."""
    with suppress(OSError):
        found = sorted((paths.state / FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in found[:-KEPT]:
            path.unlink(missing_ok=True)
