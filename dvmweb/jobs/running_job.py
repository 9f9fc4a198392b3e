"""One job while it runs: its journal, plan input, log and engine, and what it has changed; saved as it goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError, WorkAtRisk
from dvmweb.jobs import engine_lock, job_record
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.job_record import Failure, Job, Process
from dvmweb.lima.client import Lima
from dvmweb.lima.failures import LimaError
from dvmweb.paths import Paths
from dvmweb.plans import Options, PlanInput
from dvmweb.records.last_use import Use


class Cancelled(Exception):
    """The user asked the job to end."""


class RunningJob:
    """What the parts of a run share; also the tools of its checks."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], job: Job, plan_input: PlanInput) -> None:
        """Raises NoEngine for a Lima below 2.0."""
        self.paths = paths
        self.job_id = job.id
        self.options = Options(**job.options)
        self.use = Use()
        self.plan_input = plan_input
        self.cancel = threading.Event()
        self.lima = Lima(plan_input.engine, paths, environ, vm=job.vm, job=job.id)
        self.log = JobLog(job_record.log_file(paths, job.id))
        self.has_made = False  # what is there of its VM is of this job
        self.has_changed = False  # anything that outlives the job
        self.was_asked = False  # a guest was waited for: what fails then is a failure
        _, warning = self.lima.version()  # asked once for each limactl file
        notices = (warning,) if warning else ()
        me = Process.of(os.getpid())
        self.job = replace(job, state="running", process=me, started=time.time(), notices=notices)

    def save(self) -> None:
        """Write the journal."""
        job_record.save(self.paths, self.job)

    def tell(self, notices: tuple[str, ...]) -> None:
        """Sentences that the user must read; written with the next save."""
        self.job = replace(self.job, notices=(*self.job.notices, *notices))

    def note_step(self, index: int, **changes: Any) -> None:
        """Change the record of one step; written with the next save."""
        self.job = self.job.with_step(index, **changes)

    def remember_child(self, pid: int) -> None:
        """Note the command that runs now: where this job is killed, the next one of this VM finds it and ends it."""
        self.job = replace(self.job, child=Process.of(pid))
        self.save()

    def engine_lock(self) -> files.Lock:
        """The lock of all VMs; the job is queued while it waits for it. Raises Cancelled."""
        lock = engine_lock.take(self.paths, self.cancel, lambda: self._be("queued"))
        if lock is None:
            raise Cancelled
        if self.job.state == "queued":
            self._be("running")
        return lock

    def _be(self, state: str) -> None:
        self.job = replace(self.job, state=state)
        self.save()

    def end_connections(self) -> None:
        """End terminals and the ssh master that a forced stop leaves behind."""
        self.lima.end_connections(self.plan_input.desired.instance)

    def finish(self, state: str, error: DvmError | None = None) -> None:
        """Write how the job ended."""
        failure = Failure.of(error) if error else None
        is_refused = state == "failed" and (isinstance(error, WorkAtRisk) or not (self.has_changed or self.was_asked))
        outcome = job_record.REFUSED if is_refused and not isinstance(error, LimaError) else ""
        self.job = replace(self.job, state=state, failure=failure, outcome=outcome, ended=time.time(), child=None)
        with suppress(OSError):
            self.save()
