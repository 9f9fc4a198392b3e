"""End what killed jobs left behind: the commands that they had started, with their whole process groups."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.errors import DvmError
from dvmweb.jobs import job_record
from dvmweb.jobs.restoring import left_undone
from dvmweb.lima.process import end_group
from dvmweb.paths import Paths

MOST = 50  # jobs that died in a row


def end_leftovers(paths: Paths, job_id: str) -> tuple[str, ...]:
    """For the job that held the VM before, and those before it that died too: end its command, note its end.

    Returns what the last of them could no longer put back, in sentences.

    Call it with the VM's lock held: then no other job of this VM can be at work.
    """
    told: tuple[str, ...] = ()
    for _ in range(MOST):
        try:
            job = job_record.read(paths, job_id)
            if job.state != "interrupted" or job_record.is_noted(paths, job_id):
                return told
        except DvmError:  # removed or damaged: nothing more is known
            return told
        told = told or left_undone(job)
        if job.child is not None and job.child.is_alive:
            end_group(job.child.pid)  # it leads its group
        job_record.save(paths, replace(job, child=None))
        job_id = job.previous
    return told
