"""The journal of a job: its request, its steps and its end. The file is replaced as a whole, so it is always valid."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError, NotFound, SecretNeeded
from dvmweb.names import base_of_instance, is_id
from dvmweb.paths import Paths
from dvmweb.plans import titles
from dvmweb.process_identity import birth, is_alive

VERSION = 1
JOURNAL_BYTES = 4_000_000
PLACES_BYTES = 1_000_000
KEPT = 200  # ended jobs that are kept, the newest
REFUSED = "refused"
OPEN_STATES = ("queued", "running")
STATES = (*OPEN_STATES, "succeeded", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Process:
    """A process, identified by pid and start time, because pids are reused."""

    pid: int
    birth: str  # start time; only for comparing

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The live process of that pid, or None."""
        born = birth(pid)
        return cls(pid, born) if born else None

    @property
    def is_alive(self) -> bool:
        """Whether this process is still running (a zombie is not)."""
        return is_alive(self.pid, self.birth)


@dataclass(frozen=True)
class StepRecord:
    """One step: its plan and its result."""

    title: str
    argv: tuple[str, ...] = ()
    state: str = "waiting"  # waiting running done failed skipped not-run
    reason: str = ""  # why it was skipped, or its result in words
    started: float = 0  # seconds since the epoch
    ended: float = 0
    code: int | None = None
    log_from: int = 0  # offsets into the log, bytes
    log_to: int = 0
    always: str = ""  # it also runs after a failure, if the VM then has this status


@dataclass(frozen=True)
class Failure:
    """The error that ended a job, as a DvmError has it."""

    kind: str  # the class name, which fixes the exit code
    what: str
    todo: str = ""
    command: str = ""

    @classmethod
    def of(cls, error: DvmError) -> Failure:
        return cls(type(error).__name__, error.what, error.todo, error.command)

    @property
    def headline(self) -> str:
        """The cause of the failure in one line."""
        return self.what.partition("\n")[0]


@dataclass(frozen=True)
class Job:
    """One run of one verb on one VM."""

    id: str
    vm: str
    verb: str  # sync start stop work delete
    options: Mapping[str, Any] = field(default_factory=dict)
    previous: str = ""  # the job that had the VM's lock before; if it was killed, its command may still run
    state: str = "queued"
    created: float = 0
    started: float = 0
    ended: float = 0
    process: Process | None = None
    child: Process | None = None  # the running command
    steps: tuple[StepRecord, ...] = ()
    notices: tuple[str, ...] = ()
    failure: Failure | None = None
    outcome: str = ""  # "refused": it failed before it had changed anything

    @property
    def is_refused(self) -> bool:
        """Whether it failed without having changed anything."""
        return self.state == "failed" and self.outcome == REFUSED

    @property
    def bad_end(self) -> str:
        """How it ended without success, as the end of a sentence."""
        return "was interrupted" if self.state == "interrupted" else "was refused" if self.is_refused else "failed"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def about(self) -> str:
        """The name to show: of the VM or base, or of the recipe for a recipe test, whose VM is temporary."""
        if self.verb == "base":
            return base_of_instance(self.vm) or self.vm
        return str(self.options.get("recipe", "")) if self.verb == "test" else self.vm

    @property
    def needs_secret(self) -> bool:
        """Whether it failed because a secret was not given."""
        return self.failure is not None and self.failure.kind == SecretNeeded.__name__

    @property
    def hook_waits(self) -> bool:
        """Whether it skipped a project hook because that is not approved."""
        return any(
            step.title == titles.HOOK and step.state == "skipped" and "`dvm hook" in step.reason for step in self.steps
        )

    def runs_of(self, recipe: str) -> tuple[StepRecord, ...]:
        """The steps that run a recipe under test."""
        return tuple(step for step in self.steps if step.title in titles.runs_of_test(recipe))

    def with_step(self, index: int, **changes: Any) -> Job:
        """The same job with one step changed."""
        steps = list(self.steps)
        steps[index] = replace(steps[index], **changes)
        return replace(self, steps=tuple(steps))


def folder(paths: Paths, job_id: str) -> Path:
    """The folder of a job. Raises NotFound for anything that is not a job id."""
    if not is_id(job_id):
        raise NotFound(f"{job_id!r} is not a job id.", "`dvm jobs` lists them.")
    return paths.jobs / job_id


def log_file(paths: Paths, job_id: str) -> Path:
    """The log file of a job: the bytes that its commands printed, and dvm's own lines."""
    return folder(paths, job_id) / "log"


def places_file(log: Path) -> Path:
    """The file beside a log with the byte offsets of dvm's own lines."""
    return log.with_name("log.ours")


def own_places(paths: Paths, job_id: str) -> tuple[tuple[int, int], ...]:
    """The byte offsets of dvm's own lines in the log (start, end), in order; () if not known."""
    try:
        data = files.read_bounded(places_file(log_file(paths, job_id)), PLACES_BYTES, follow=False)
    except (FileNotFoundError, DvmError):  # a job of an older dvm
        return ()
    pairs = (line.split() for line in data.rpartition(b"\n")[0].splitlines())
    return tuple((int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2 and all(map(bytes.isdigit, pair)))


def save(paths: Paths, job: Job) -> None:
    """Write the journal, flushed to disk."""
    data = json.dumps({"version": VERSION, **asdict(job)}, separators=(",", ":"))
    files.write_whole(folder(paths, job.id) / "job.json", data.encode())


def read(paths: Paths, job_id: str) -> Job:
    """The job in its current state; `interrupted` if its process died. Raises NotFound, DvmError."""
    job = as_it_is(_read(paths, job_id))
    # It can have ended normally between the read and the check of its process.
    return as_it_is(_read(paths, job_id)) if job.state == "interrupted" else job


def _read(paths: Paths, job_id: str) -> Job:
    """The job as its journal describes it."""
    try:
        data = files.read_bounded(folder(paths, job_id) / "job.json", JOURNAL_BYTES)
    except FileNotFoundError:
        raise NotFound(f"There is no job {job_id}.", "`dvm jobs` lists them.") from None
    return _parse(data, job_id)


def as_it_is(job: Job) -> Job:
    """The job, `interrupted` if its journal says that it is running but its process does not exist."""
    is_dead = job.is_open and (job.process is None or not job.process.is_alive)
    return replace(job, state="interrupted") if is_dead else job


def is_noted(paths: Paths, job_id: str) -> bool:
    """Whether the journal itself records the job's end, so nothing is left to clean up."""
    data = files.read_bounded(folder(paths, job_id) / "job.json", JOURNAL_BYTES)
    return not _parse(data, job_id).is_open


def stamp(paths: Paths, job_id: str) -> tuple[int, int]:
    """The journal's inode and time in ns: they change whenever the journal does."""
    facts = (folder(paths, job_id) / "job.json").stat()
    return facts.st_ino, facts.st_mtime_ns


def find(paths: Paths, prefix: str) -> Job:
    """The job whose id begins with `prefix`. Raises NotFound for none or several."""
    ids = [job_id for job_id in _ids(paths) if job_id.startswith(prefix)] if prefix else []
    if len(ids) != 1:
        what = f"{len(ids)} jobs begin with {prefix!r}." if ids else f"There is no job {prefix!r}."
        raise NotFound(what, "`dvm jobs` lists them.")
    return read(paths, ids[0])


def newest_first(paths: Paths, vm: str = "") -> tuple[Job, ...]:
    """All jobs, or those of one VM, newest first; without those whose journal cannot be read."""
    jobs = [job for job in _all(paths) if not vm or job.vm == vm]
    return tuple(sorted(jobs, key=lambda job: (job.created, job.id), reverse=True))


def of_vm_since(paths: Paths, vm: str, begun: float) -> tuple[Job, ...]:
    """The jobs of a VM whose journal was written after `begun` (seconds since the epoch), newest first."""
    found = []
    for job_id in _ids(paths):
        with suppress(OSError, DvmError):
            if stamp(paths, job_id)[1] > begun * 1e9 and (job := read(paths, job_id)).vm == vm:
                found.append(job)
    return tuple(sorted(found, key=lambda job: (job.created, job.id), reverse=True))


def _all(paths: Paths) -> Iterator[Job]:
    for job_id in _ids(paths):
        try:
            yield read(paths, job_id)
        except DvmError:
            continue


def _ids(paths: Paths) -> list[str]:
    try:
        return [entry.name for entry in paths.jobs.iterdir() if is_id(entry.name)]
    except FileNotFoundError:
        return []


def _parse(data: bytes, job_id: str) -> Job:
    """Parse a journal. Raises DvmError if it is damaged or of another version."""
    try:
        facts = json.loads(data)
        if facts.pop("version") != VERSION:
            raise ValueError("version")
        return Job(
            **{
                **facts,
                "process": Process(**facts["process"]) if facts["process"] else None,
                "child": Process(**facts["child"]) if facts["child"] else None,
                "steps": tuple(StepRecord(**{**step, "argv": tuple(step["argv"])}) for step in facts["steps"]),
                "notices": tuple(facts["notices"]),
                "failure": Failure(**facts["failure"]) if facts["failure"] else None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DvmError(
            f"The journal of job {job_id[:8]} is damaged, or was written by another version of dvm.",
            "Its log can still be readable.",
        ) from error


def new(vm: str, verb: str, job_id: str, options: Mapping[str, Any], previous: str) -> Job:
    """A new job, created now."""
    return Job(job_id, vm, verb, dict(options), previous, created=time.time())


def count(paths: Paths) -> int:
    """The number of stored jobs."""
    return len(_ids(paths))
