"""Whether bases are built by themselves after a first sync, and whether a sync has proposed one."""

from __future__ import annotations

from dvmweb.jobs.bases import automatic
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms

YES, NO = automatic.YES, automatic.NO


def setting(vms: Vms) -> str:
    """Whether bases are built by themselves: ask, yes or no."""
    return automatic.setting(vms.paths)


def set_setting(vms: Vms, word: str) -> None:
    """Store that."""
    automatic.set_setting(vms.paths, word)


def is_proposed(vms: Vms, job: Job) -> bool:
    """Whether a sync has ended with a proposal that was not answered yet."""
    return automatic.is_proposed(vms.paths, job)
