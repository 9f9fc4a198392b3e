"""End what a killed job left behind: the command that it had started, with its whole process group."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.jobs import journal
from dvmweb.lima.process import end_group
from dvmweb.paths import Paths


def end_leftovers(paths: Paths, vm: str, own: str) -> None:
    """For every dead job of `vm` but `own`: end its command and write down that it was interrupted.

    Call it with the VM's lock held: then no other job of this VM can be at work.
    """
    for job in journal.newest_first(paths, vm):
        if job.id != own and job.state == "interrupted" and not journal.is_noted(paths, job.id):
            if job.child is not None and job.child.is_alive:
                end_group(job.child.pid)  # it leads its group
            journal.save(paths, replace(job, child=None))
