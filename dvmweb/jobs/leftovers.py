"""End what a killed job left behind: the command that it had started, with its whole process group."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace

from dvmweb.jobs import journal
from dvmweb.jobs.journal import Job
from dvmweb.paths import Paths

PATIENCE = 3.0  # seconds between INT, TERM and KILL
POLL = 0.05


def end_leftovers(paths: Paths, vm: str, own: str) -> None:
    """For every dead job of `vm` but `own`: end its command and write down that it was interrupted.

    Call it with the VM's lock held: then no other job of this VM can be at work.
    """
    for job in journal.newest_first(paths, vm):
        if job.id != own and job.state == "interrupted" and not journal.is_noted(paths, job.id):
            _end_command(job)
            journal.save(paths, replace(job, child=None))


def _end_command(job: Job) -> None:
    """INT, TERM and KILL to the group, until the command is gone. It leads its group: its pid names it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if job.child is None or not job.child.is_alive:
            return
        with suppress(ProcessLookupError):
            os.killpg(job.child.pid, number)
        deadline = time.monotonic() + PATIENCE
        while job.child.is_alive and time.monotonic() < deadline:
            time.sleep(POLL)
