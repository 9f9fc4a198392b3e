"""What every page says about jobs: which run, and which long ones ended lately."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvmweb.jobs import job_record
from dvmweb.jobs.history.recent import RecentJobs
from dvmweb.jobs.job_record import Failure, Job
from dvmweb.paths import Paths
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs.signs import signs

NOW = 1_700_000_000.0
LONG = Job("ab" * 16, "app", "sync", state="succeeded", created=NOW - 300, started=NOW - 300, ended=NOW - 10)


def test_a_long_job_that_ended_lately_is_worth_a_notice() -> None:
    (one,) = signs((LONG,), NOW)["ended"]
    assert one == {
        "id": LONG.id,
        "title": "Sync app: done",
        "detail": "After 4 min 50 s",
        "path": f"/jobs/{LONG.id}",
        "tone": "ok",
    }
    failed = replace(LONG, state="failed", failure=Failure("DvmError", "Recipe `x` failed.\x1b[2J\nmore"))
    (one,) = signs((failed,), NOW)["ended"]
    assert (one["title"], one["detail"], one["tone"]) == ("Sync app: failed", "Recipe 'x' failed.\\x1b[2J", "bad")


@pytest.mark.parametrize(
    "job",
    [
        replace(LONG, started=NOW - 70),
        replace(LONG, ended=NOW - 1000, started=NOW - 2000),
        replace(LONG, state="cancelled"),
        replace(LONG, state="running", ended=0.0),
    ],
    ids=["short", "long ago", "cancelled", "running"],
)
def test_others_are_not(job: Job) -> None:
    found = signs((job,), NOW)
    assert found["ended"] == []
    assert found["running"] == ([job.id] if job.is_open else [])


def test_a_job_that_has_ended_is_read_once(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    job_record.folder(vms.paths, LONG.id).mkdir(parents=True)
    job_record.save(vms.paths, LONG)
    opened: list[str] = []
    read = job_record.read

    def noted(paths: Paths, job_id: str) -> Job:
        opened.append(job_id)
        return read(paths, job_id)

    monkeypatch.setattr(job_record, "read", noted)
    recent = RecentJobs(vms.paths)
    assert [job.id for job in recent.jobs()] == [LONG.id] == [job.id for job in recent.jobs()]
    assert opened == [LONG.id]
