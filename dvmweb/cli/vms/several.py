"""One command for several VMs: a few jobs at once, a line as each ends, one table and one exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import click

from dvmweb.cli import tables
from dvmweb.errors import DvmError, ExitCode
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms

# Starts and stops of different VMs wait for each other anyway (jobs/engine_lock.py); boots and recipes do not, and
# each takes memory and a core.
MOST_AT_ONCE = 3
POLL = 0.3  # seconds

Verbs = Sequence[tuple[str, dict[str, Any]]]  # the jobs of each VM, one after the other, with their options


@dataclass
class Task:
    """One VM of the command."""

    name: str
    verbs: Iterator[tuple[str, dict[str, Any]]]
    began: float = 0.0
    ended: float = 0.0
    job: Job | None = None
    result: str = "not started"
    detail: str = ""
    code: int = int(ExitCode.CANCELLED)
    jobs: list[str] = field(default_factory=list)

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


def run(vms: Vms, names: Sequence[str], verbs: Verbs, *, as_json: bool) -> int:
    """Run the jobs of each VM and print the table; the exit code is 0 only if all succeeded.

    Ctrl-C cancels what runs and starts nothing more; a second one stops waiting.
    """
    tasks = [Task(name, iter(verbs)) for name in names]
    try:
        _work(vms, tasks, is_quiet=as_json)
    except KeyboardInterrupt:
        click.echo("\nCancelling. Press Ctrl-C again to stop waiting.", err=True)
        _cancel(vms, tasks)
    if as_json:
        tables.as_json([task.facts() for task in tasks])
    else:
        click.echo()
        tables.table(("VM", "RESULT", "TIME", "DETAIL"), [task.row() for task in tasks])
    codes = {task.code for task in tasks} - {0}
    return codes.pop() if len(codes) == 1 else int(ExitCode.FAILED) if codes else 0


def _work(vms: Vms, tasks: Sequence[Task], *, is_quiet: bool) -> None:
    waiting, running = list(tasks), list[Task]()
    while waiting or running:
        while waiting and len(running) < MOST_AT_ONCE:
            task = waiting.pop(0)
            task.began = time.time()
            if _start_next(vms, task):
                running.append(task)
            else:
                _report_end(task, is_quiet=is_quiet)
        for task in list(running):
            if not _goes_on(vms, task):
                running.remove(task)
                _report_end(task, is_quiet=is_quiet)
        if running and running[0].job is not None:
            job = running[0].job.id
            starting.wait_for_change(vms.paths, job, job_record.stamp(vms.paths, job), POLL)


def _start_next(vms: Vms, task: Task) -> bool:
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
    return True


def _goes_on(vms: Vms, task: Task) -> bool:
    """Read the job of a VM anew; start the next one where it has succeeded."""
    assert task.job is not None  # noqa: S101
    task.job = vms.job(task.job.id)
    if task.job.is_open:
        return True
    if task.job.state == "succeeded":
        return _start_next(vms, task)
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


def _report_end(task: Task, *, is_quiet: bool) -> None:
    if not is_quiet:
        click.echo(f"{task.name}: {task.result}" + (f": {task.detail}" if task.detail else ""))
        sys.stdout.flush()


def _cancel(vms: Vms, tasks: Sequence[Task]) -> None:
    opened = [task for task in tasks if task.job is not None and not task.ended]
    with suppress(KeyboardInterrupt):
        for task in opened:
            assert task.job is not None  # noqa: S101
            with suppress(DvmError):  # it can have ended meanwhile
                vms.cancel(vms.job(task.job.id))
        for task in opened:
            task.verbs = iter(())
        while opened := [task for task in opened if _goes_on(vms, task)]:
            time.sleep(POLL)
