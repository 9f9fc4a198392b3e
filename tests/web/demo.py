"""What the tests of the pages share: a home with demo VMs, made and changed from outside as a user does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms
from tests.journey.conftest import DvmHome, guests_work

__all__ = ["DvmHome", "dvm_home", "eventually", "finished", "guests_work", "limactl"]
PATIENCE = 20.0  # seconds; only a failure takes so long


@pytest.fixture
def dvm_home(home: Path) -> Iterator[DvmHome]:
    """The home of the `client`, with `dvm` and the demo engine on it."""
    dvm_home = DvmHome(home)
    yield dvm_home
    if dvm_home.paths.lima_home.is_dir():
        dvm_home.end()


def limactl(dvm_home: DvmHome, *words: str) -> None:
    """What a user does with plain limactl beside us."""
    dvm_home.limactl(*words)


def eventually(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true answer of `what`; fails after `seconds`."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)  # a page may ask the engine for each look
    return answer


def finished(vms: Vms, answer: Any) -> Job:
    """The job that a POST led to, once it has ended."""
    assert answer.status_code == 303, answer.text
    job_id = answer.headers["Location"].rsplit("/", 1)[-1]

    def ended() -> Job | None:
        job = vms.job(job_id)
        # The VM is free when the process has ended, a moment after the journal says so.
        return None if job.is_open or (job.process and job.process.is_alive) else job

    job: Job = eventually(ended)
    return job
