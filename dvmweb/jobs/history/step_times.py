"""How long the steps of earlier jobs took, as an estimate for the steps of a running one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from dvmweb.errors import DvmError
from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.names import is_id
from dvmweb.paths import Paths

MOST_JOBS = 60  # of the newest that are read, so that a folder with thousands costs no more
LAST = 5  # runs of a step whose median counts


@dataclass(frozen=True)
class StepTime:
    """One run of a step that succeeded."""

    vm: str
    title: str
    seconds: float


@dataclass(frozen=True)
class Estimates:
    """Seconds that each step of a job takes, by title; only of those that ran before."""

    by_title: Mapping[str, float] = field(default_factory=dict)

    def of(self, step: StepRecord) -> float | None:
        """The seconds of a step; None if nothing is known."""
        return self.by_title.get(step.title)

    def left(self, job: Job, now: float) -> float | None:
        """Seconds until the job ends; None if a step that is to run has no estimate, or the running one took longer."""
        total = 0.0
        for step in job.steps:
            if step.state not in ("waiting", "running") or not step.argv or is_skipped_later(step):
                continue
            usual = self.of(step)
            if usual is None or (step.state == "running" and is_late(usual, now - step.started)):
                return None
            total += max(0.0, usual - (now - step.started)) if step.state == "running" else usual
        return total if job.is_open else None


def is_skipped_later(step: StepRecord) -> bool:
    """Whether the plan already says that it is skipped."""
    return step.state == "waiting" and bool(step.reason)


def is_late(usual: float, seconds: float) -> bool:
    """Whether a step takes longer than usual; a little more is not worth a word."""
    return seconds > max(usual * 1.2, usual + 3)


def estimates(job: Job, known: Iterable[StepTime]) -> Estimates:
    """For the steps of a job: the median of the last runs on the same VM, else on any. `known`: the newest first."""
    found = {}
    runs = tuple(known)
    for title in {step.title for step in job.steps}:
        same = [run for run in runs if run.title == title]
        mine = [run.seconds for run in same if run.vm == job.vm] or [run.seconds for run in same]
        if mine:
            found[title] = median(mine[:LAST])
    return Estimates(found)


class StepTimes:
    """The times of steps of the newest jobs. A job that has ended is read once; any thread may ask."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._by_job: dict[str, tuple[StepTime, ...]] = {}  # newest first
        self._seen = 0  # time of the folder of all jobs when it was listed

    def of(self, job: Job) -> Estimates:
        """The estimates for the steps of a job."""
        with self._lock:
            self._read()
            return estimates(job, (run for runs in self._by_job.values() for run in runs))

    def _read(self) -> None:
        """List the folder again if a job was added or removed since."""
        try:
            changed = self._paths.jobs.stat().st_mtime_ns
        except OSError:
            return
        if changed == self._seen:
            return
        kept = {}
        for job_id in newest(self._paths, MOST_JOBS):
            runs = self._by_job.get(job_id)
            if runs is None and (job := _ended(self._paths, job_id)) is not None:
                runs = times(job)
            if runs is not None:
                kept[job_id] = runs
        self._by_job, self._seen = kept, changed


def times(job: Job) -> tuple[StepTime, ...]:
    """The steps of a job that ran and succeeded."""
    return tuple(
        StepTime(job.vm, step.title, step.ended - step.started)
        for step in job.steps
        if step.state == "done" and step.argv and step.ended >= step.started > 0
    )


def newest(paths: Paths, most: int) -> list[str]:
    """The ids of the jobs whose journals were written last, newest first. Opens none of them."""
    found = []
    try:
        with os.scandir(paths.jobs) as entries:
            for entry in entries:
                if is_id(entry.name):
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
    except OSError:  # no folder yet, or a job that was removed meanwhile
        pass
    return [name for _, name in sorted(found, reverse=True)[:most]]


def _ended(paths: Paths, job_id: str) -> Job | None:
    """The job; None for one that runs, which is read when the next job was added, and for one that cannot be read."""
    try:
        job = job_record.read(paths, job_id)
    except (DvmError, OSError):
        return None
    return None if job.is_open else job
