"""Ends the commands that killed jobs left running, with their process groups."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.errors import DvmError
from dvmweb.jobs import job_record
from dvmweb.jobs.restoring import left_undone
from dvmweb.lima.process import end_group
from dvmweb.paths import Paths

MOST = 50  # jobs that died in a row


def end_leftovers(paths: Paths, job_id: str) -> tuple[str, ...]:
    """End the commands of job `job_id` and of the killed jobs before it, and write their ends into their journals.

    Returns sentences about what the last of them did not restore. The caller holds the VM's lock, so no other job of
    this VM is running.
    """
    notices: tuple[str, ...] = ()
    for _ in range(MOST):
        try:
            job = job_record.read(paths, job_id)
            if job.state != "interrupted" or job_record.is_noted(paths, job_id):
                return notices
        except DvmError:  # removed or damaged: nothing more is known
            return notices
        notices = notices or left_undone(job)
        if job.child is not None and job.child.is_alive:
            end_group(job.child.pid)
        job_record.save(paths, replace(job, child=None))
        job_id = job.previous
    return notices
