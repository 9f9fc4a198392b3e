"""A guest is waited for only while its machine runs, and one odd listing is not taken for the truth."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace

import pytest

from dvmweb.jobs import job_record, waiting
from dvmweb.jobs.job_record import Process
from dvmweb.lima.process import Finished
from dvmweb.names import new_id
from tests.journey.cli.home import DvmHome, until
from tests.journey.driver import User, Vm


def said(text: str = "", *, code: int = 0, ended: str = "exit") -> Finished:
    return Finished(("limactl", "list"), code, text.encode(), b"", 0.0, ended)


def vm(status: str) -> str:
    return json.dumps({"name": "dvm-app", "status": status, "config": {}})


BROKEN, RUNNING, FAILED = said(vm("Broken")), said(vm("Running")), said(code=1)


@pytest.mark.parametrize(
    ("answers", "last", "asked"),
    [
        ([RUNNING], RUNNING, 1),
        ([said()], said(), 1),  # not there: nothing odd about that
        ([BROKEN, RUNNING], RUNNING, 2),
        ([FAILED, RUNNING], RUNNING, 2),
        ([said("{"), RUNNING], RUNNING, 2),
        ([BROKEN, BROKEN, BROKEN], BROKEN, 3),
        ([FAILED, FAILED, FAILED], FAILED, 3),
        ([said(ended="deadline", code=1), RUNNING], RUNNING, 2),
        ([said(ended="deadline", code=1)] * 2, said(ended="deadline", code=1), 2),
        ([said(ended="cancelled", code=1)], said(ended="cancelled", code=1), 1),
    ],
)
def test_a_listing_is_asked_again_a_bounded_number_of_times(
    answers: list[Finished], last: Finished, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 0.0)
    left = list(answers)
    assert waiting.listed(lambda: left.pop(0), "dvm-app", threading.Event()) == last
    assert len(answers) - len(left) == asked


@pytest.mark.slow
def test_a_listing_that_fails_once_fails_no_job_and_no_face(user: User, app: Vm) -> None:
    for line in ("sync app", "ls", "ssh app -- true", "work app"):
        user.engine_fails("list", "not now", times=1)
        user.dvm(line).succeeds()
    user.engine_fails("list", "not now")
    user.dvm("sync app").fails().warns("not now")


@pytest.mark.slow
def test_a_machine_that_dies_while_its_guest_is_waited_for_ends_the_job_with_limas_reason(user: User, app: Vm) -> None:
    app.is_given(silent=True)  # it asks until it answers
    starting = user.starts("start app")
    until(lambda: b"no response yet" in b"".join(log.read_bytes() for log in user.paths.jobs.glob("*/log")))
    os.kill(json.loads((app.instance / "agent.json").read_text())["driver_pid"], signal.SIGKILL)
    ended = starting.ends().fails().warns("app stopped running while dvm waited for its guest: it is Stopped now.")
    ended.warns("QEMU has exited", "`dvm start app`")  # Lima's reason, and what to do
    user.dvm("start app").succeeds()
    app.runs("true")


def test_a_job_that_ends_while_it_is_read_was_not_interrupted(
    dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = dvm_home.paths
    job = replace(job_record.new("app", "sync", new_id(), {}, ""), state="running", process=Process.of(os.getpid()))
    job_record.folder(paths, job.id).mkdir(parents=True)
    job_record.save(paths, job)

    def ends(_: Process) -> bool:
        job_record.save(paths, replace(job, state="succeeded"))
        return False

    monkeypatch.setattr(Process, "is_alive", property(ends))
    assert job_record.read(paths, job.id).state == "succeeded"
