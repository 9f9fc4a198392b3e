"""End what killed jobs left behind: the commands that they had started, with their whole process groups."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.errors import DvmError
from dvmweb.jobs import journal
from dvmweb.lima.process import end_group
from dvmweb.paths import Paths

MOST = 50  # jobs that died in a row


def end_leftovers(paths: Paths, job_id: str) -> None:
    """For the job that held the VM before, and those before it that died too: end its command, note its end.

    Call it with the VM's lock held: then no other job of this VM can be at work.
    """
    for _ in range(MOST):
        try:
            job = journal.read(paths, job_id)
            if job.state != "interrupted" or journal.is_noted(paths, job_id):
                return
        except DvmError:  # removed or damaged: nothing more is known
            return
        if job.child is not None and job.child.is_alive:
            end_group(job.child.pid)  # it leads its group
        journal.save(paths, replace(job, child=None))
        job_id = job.previous
