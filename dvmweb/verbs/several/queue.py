"""Runs verbs on several VMs for the dashboard: one queue and one thread for all, so that no request waits for a job.

The queue is in memory. If the dashboard ends, running jobs go on, as every job does, and those that wait are not
started; the record of each run says so.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dvmweb.jobs.job_record import Process
from dvmweb.names import new_id
from dvmweb.verbs.several import record
from dvmweb.verbs.several.record import RUNNING, SKIPPED, WAITING, Part, Record
from dvmweb.verbs.several.tasks import NOT_STARTED, Task, work
from dvmweb.verbs.vms import Vms

Jobs = Sequence[tuple[str, dict[str, Any]]]  # the jobs of one VM, with their options


@dataclass
class _Run:
    """One run: what it was asked for, and its tasks."""

    record: Record
    tasks: dict[str, Task]
    verbs: dict[str, tuple[str, ...]]


@dataclass
class Queue:
    """All verbs on several VMs that this dashboard was asked for."""

    vms: Vms
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: list[Task] = field(default_factory=list)
    _runs: list[_Run] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def start(self, verb: str, jobs: Mapping[str, Jobs], skipped: Mapping[str, str]) -> str:
        """Queue the jobs of each VM and return the id of the run's record. `skipped`: why each other VM is left out."""
        run_id = new_id()
        tasks = {name: Task(name, iter(verbs)) for name, verbs in jobs.items()}
        verbs = {name: tuple(word for word, _ in every) for name, every in jobs.items()}
        parts = (*(Part(name, WAITING, left=verbs[name]) for name in tasks), *_left_out(skipped))
        run = _Run(Record(run_id, verb, time.time(), Process.of(os.getpid()), parts), tasks, verbs)
        record.write(self.vms.paths, run.record)
        record.forget_old(self.vms.paths)
        with self._lock:
            self._runs.append(run)
            self._waiting.extend(tasks.values())
            if tasks and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="several", daemon=True)
                self._thread.start()
        return run_id

    def _work(self) -> None:
        while True:
            try:
                work(self.vms, self._waiting, self._note)
            except Exception as error:  # a thread that ends silently would leave its VMs waiting for good
                self._fail_all(f"dvm failed: {type(error).__name__}. This is a bug: please report it.")
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _note(self, task: Task) -> None:
        """Store what became of a task."""
        run = next(one for one in self._runs if task is one.tasks.get(task.name))
        parts = tuple(_part(run, one) if one.name == task.name else one for one in run.record.parts)
        run.record = replace(run.record, parts=parts)
        record.write(self.vms.paths, run.record)
        if all(one.ended for one in run.tasks.values()):
            with self._lock:
                self._runs.remove(run)

    def _fail_all(self, why: str) -> None:
        with self._lock:
            self._waiting.clear()
        for task in [task for run in self._runs for task in run.tasks.values() if not task.ended]:
            task.result, task.detail, task.ended = "failed", why, time.time()
            self._note(task)


def _left_out(skipped: Mapping[str, str]) -> tuple[Part, ...]:
    return tuple(Part(name, SKIPPED, why) for name, why in skipped.items())


def _part(run: _Run, old: Part) -> Part:
    task = run.tasks[old.name]
    result = RUNNING if task.result == NOT_STARTED and task.jobs else task.result
    job = task.jobs[-1] if task.jobs else ""
    return replace(old, result=result, detail=task.detail, job=job, left=run.verbs[old.name][len(task.started) :])
