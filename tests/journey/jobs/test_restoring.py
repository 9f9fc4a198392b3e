"""A job puts back what it changed, whatever ended it, and says what is so only once it is.

Where one of its commands fails: tests/plans/test_job_playbooks.py.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.journey.cli.home import until
from tests.journey.driver import User, Vm

pytestmark = pytest.mark.slow


@pytest.fixture
def stopped(user: User, app: Vm) -> Vm:
    user.dvm("stop app").succeeds()
    return app


def test_a_look_that_is_cancelled_stops_what_it_has_started(user: User, stopped: Vm) -> None:
    stopped.is_given(booting=True)
    looking = user.starts("work app")
    job = user.waits_until_job("running", step="Start VM")
    until(lambda: stopped.row["status"] == "Running")
    user.dvm(f"cancel {job.id}").succeeds()
    looking.ends().says("stopped again")
    stopped.shows(status="Stopped")
    assert user.last_job.state == "cancelled"


def test_a_look_that_was_killed_is_told_by_the_next_job(user: User, stopped: Vm) -> None:
    stopped.is_given(booting=True)
    looking = user.starts("work app")
    job = user.waits_until_job("running", step="Start VM")
    until(lambda: stopped.row["status"] == "Running")
    os.kill(job.journal["process"]["pid"], signal.SIGKILL)
    looking.ends()
    stopped.is_given()
    told = f"The last job, work {job.id[:8]}, was killed before app could be stopped again"
    user.dvm("start app").succeeds().prints(told)
    user.dvm("start app").succeeds().never_says("was killed")  # told once


def test_nothing_is_said_to_be_deleted_that_is_still_there(user: User, stopped: Vm) -> None:
    folder = stopped.instance
    (folder / "lima.yaml").rename(folder / "elsewhere")
    refused = user.dvm("rm app --yes --force").fails().warns(f"`rm -r {folder}`")
    assert "deleted" not in refused.out
    assert folder.is_dir()
    (folder / "elsewhere").rename(folder / "lima.yaml")
    user.engine_fails("rename", "busy")
    user.dvm("rm app --yes --force").fails().never_says("is in the trash")
    assert stopped.is_created
    user.engine_fails("delete", "busy")
    user.dvm("rm app --now --yes --force").fails().never_says("was deleted")
    assert user.last_job.facts["outcome"] == ""
    user.engine_works()
    user.dvm("rm app --now --yes --force").succeeds().prints("app was deleted.", "without a check")


def test_a_clone_of_a_vm_with_ports_can_be_synced_and_tested(user: User, guests_work: None) -> None:
    user.dvm("init app").succeeds()
    user.vm("app").adds_to_config("ports: [34568]")
    user.dvm("sync app").succeeds()
    user.dvm("stop app").succeeds()
    user.limactl("clone dvm-app dvm-copy")
    user.dvm("init copy").succeeds()
    user.dvm("start copy").succeeds().prints("A sync writes a new identity")  # nothing is marked by a start
    user.dvm("stop copy").succeeds()
    user.dvm("sync copy").succeeds()
    user.limactl("stop dvm-copy")
    tested = user.dvm("recipe test git --vm app").never_says("access to the host that dvm does not allow")
    assert tested.code in (0, 6), tested
