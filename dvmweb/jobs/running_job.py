"""The state of a running job: journal, plan input, log, engine, and what it has changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError, UnsavedWork
from dvmweb.jobs import engine_lock, job_record
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.job_record import Failure, Job, Process
from dvmweb.lima.client import Lima
from dvmweb.lima.failures import LimaError
from dvmweb.paths import Paths
from dvmweb.plans import Options, PlanInput
from dvmweb.records.last_use import Use


class Cancelled(Exception):
    """The user cancelled the job."""


class RunningJob:
    """The state of a running job, which its parts share; also the `Tools` of its checks."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], job: Job, plan_input: PlanInput) -> None:
        """Open the log and set the job's state to running. Raises NoEngine for a Lima below 2.0."""
        self.paths = paths
        self.job_id = job.id
        self.verb = job.verb
        self.options = Options(**job.options)
        self.use = Use()
        self.plan_input = plan_input
        self.cancel = threading.Event()
        self.lima = Lima(plan_input.engine, paths, environ, vm=job.vm, job=job.id)
        self.log = JobLog(job_record.log_file(paths, job.id))
        self.has_made = False  # this job has created its VM
        self.has_changed = False  # it has changed something that outlives the job
        self.has_waited = False  # it has waited for a guest, so an error is a failure and not a refusal
        _, warning = self.lima.version()  # cached for each limactl file
        notices = (warning,) if warning else ()
        me = Process.of(os.getpid())
        self.job = replace(job, state="running", process=me, started=time.time(), notices=notices)

    def save(self) -> None:
        """Write the journal."""
        job_record.save(self.paths, self.job)

    def add_notices(self, notices: tuple[str, ...]) -> None:
        """Add notices for the user; written with the next save."""
        self.job = replace(self.job, notices=(*self.job.notices, *notices))

    def note_step(self, index: int, **changes: Any) -> None:
        """Change the record of one step; written with the next save."""
        self.job = self.job.with_step(index, **changes)

    def remember_child(self, pid: int) -> None:
        """Record the running command, so that the next job can end it if this one is killed."""
        self.job = replace(self.job, child=Process.of(pid))
        self.save()

    def engine_lock(self) -> files.Lock:
        """Take the lock of all VMs; the job is `queued` while it waits. Raises Cancelled."""
        lock = engine_lock.take(self.paths, self.cancel, lambda: self._set_state("queued"))
        if lock is None:
            raise Cancelled
        if self.job.state == "queued":
            self._set_state("running")
        return lock

    def _set_state(self, state: str) -> None:
        self.job = replace(self.job, state=state)
        self.save()

    def end_connections(self) -> None:
        """End the terminals and the SSH master that a forced stop leaves behind."""
        self.lima.end_connections(self.plan_input.desired.instance)

    def finish(self, state: str, error: DvmError | None = None) -> None:
        """Write the end of the job into its journal."""
        failure = Failure.of(error) if error else None
        is_refused = state == "failed" and (isinstance(error, UnsavedWork) or not (self.has_changed or self.has_waited))
        outcome = job_record.REFUSED if is_refused and not isinstance(error, LimaError) else ""
        self.job = replace(self.job, state=state, failure=failure, outcome=outcome, ended=time.time(), child=None)
        with suppress(OSError):
            self.save()
