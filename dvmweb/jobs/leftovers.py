"""End what a killed job left behind: the command that it had started, with its whole process group."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from dvmweb.errors import NotFound
from dvmweb.jobs import journal
from dvmweb.lima.process import end_group
from dvmweb.paths import Paths


def end_leftovers(paths: Paths, job_id: str) -> None:
    """Where the job that held the VM before died: end its command and write down that it was interrupted.

    Call it with the VM's lock held: then no other job of this VM can be at work.
    """
    with suppress(NotFound):
        job = journal.read(paths, job_id)
        if job.state == "interrupted" and not journal.is_noted(paths, job_id):
            if job.child is not None and job.child.is_alive:
                end_group(job.child.pid)  # it leads its group
            journal.save(paths, replace(job, child=None))
