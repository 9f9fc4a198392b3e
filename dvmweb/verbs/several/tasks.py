"""Runs the jobs of several VMs, a few at a time, each VM's one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass, field
from typing import Any

from dvmweb.errors import DvmError, ExitCode
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms

# Starts and stops of different VMs wait for each other anyway (jobs/engine_lock.py); boots and recipes do not, and
# each takes memory and a core.
MOST_AT_ONCE = 3
POLL = 0.3  # seconds
NOT_STARTED = "not started"


@dataclass
class Task:
    """One VM, and the jobs that are to run on it."""

    name: str
    verbs: Iterator[tuple[str, dict[str, Any]]]  # with their options
    began: float = 0.0
    ended: float = 0.0
    job: Job | None = None
    result: str = NOT_STARTED
    detail: str = ""
    code: int = int(ExitCode.CANCELLED)
    jobs: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)  # the verbs of these jobs

    def row(self) -> tuple[str, ...]:
        seconds = f"{self.ended - self.began:.0f} s" if self.ended else ""
        return self.name, self.result, seconds, self.detail

    def facts(self) -> dict[str, Any]:
        seconds = round(self.ended - self.began, 1) if self.ended else None
        return {
            "version": 1,
            "name": self.name,
            "result": self.result,
            "exit_code": self.code,
            "seconds": seconds,
            "jobs": self.jobs,
            "failure": self.detail or None,
        }


def work(vms: Vms, waiting: MutableSequence[Task], on_change: Callable[[Task], None]) -> None:
    """Run the jobs of all tasks; `on_change` is called for each that has started its next job or has ended.

    Tasks can be added to `waiting` meanwhile, and are removed from it as they start.
    """
    running = list[Task]()
    while waiting or running:
        while waiting and len(running) < MOST_AT_ONCE:
            task = waiting.pop(0)
            task.began = time.time()
            if start_next(vms, task):
                running.append(task)
            on_change(task)
        for task in list(running):
            before = len(task.jobs)
            if not goes_on(vms, task):
                running.remove(task)
            if task.ended or len(task.jobs) != before:
                on_change(task)
        if running and running[0].job is not None:
            job = running[0].job.id
            starting.wait_for_change(vms.paths, job, job_record.stamp(vms.paths, job), POLL)


def start_next(vms: Vms, task: Task) -> bool:
    """Start the next job of a VM; False where there is none or it cannot be started."""
    verb, options = next(task.verbs, ("", {}))
    if not verb:
        task.result, task.code, task.ended = "done", 0, time.time()
        return False
    try:
        task.job = vms.start_job(task.name, verb, options)
    except DvmError as error:
        task.result, task.detail, task.code = "failed", error.what, int(error.exit_code)
        task.ended = time.time()
        return False
    task.jobs.append(task.job.id)
    task.started.append(verb)
    return True


def goes_on(vms: Vms, task: Task) -> bool:
    """Read the job of a VM anew; start the next one where it has succeeded."""
    assert task.job is not None  # noqa: S101
    task.job = vms.job(task.job.id)
    if task.job.is_open:
        return True
    if task.job.state == "succeeded":
        return start_next(vms, task)
    failure = task.job.failure
    task.result, task.ended = task.job.state, time.time()
    if failure is not None:
        task.detail = failure.headline
        task.code = int(starting.as_error(failure).exit_code)
    if task.job.state == "cancelled":
        task.code = int(ExitCode.CANCELLED)
    elif failure is None:
        task.detail, task.code = "The job was interrupted: its process died.", int(ExitCode.FAILED)
    return False
