"""How long steps take, from earlier jobs: the median of the last runs, in words without false precision."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from dvmweb.jobs import job_record
from dvmweb.jobs.history.step_times import MOST_JOBS, Estimates, StepTime, StepTimes, estimates, times
from dvmweb.jobs.job_record import Job, Process, StepRecord
from dvmweb.paths import Paths
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import views
from dvmweb.web.jobs.time_left import Measure, about
from tests.web.conftest import Browser

NOW = 1_700_000_000.0
STEPS = (
    StepRecord("Start VM", ("limactl", "start"), "done", started=NOW - 60, ended=NOW - 20),
    StepRecord("Recipe node", ("limactl", "shell"), "running", started=NOW - 20),
    StepRecord("Recipe git", ("limactl", "shell"), "waiting"),
    StepRecord("Recipe tmux", ("limactl", "shell"), "waiting", reason="unchanged; its probe passes"),
)
JOB = Job("ab" * 16, "app", "sync", state="running", created=NOW - 61, started=NOW - 60, steps=STEPS)


def ran(title: str, seconds: float, vm: str = "app") -> StepTime:
    return StepTime(vm, title, seconds)


def test_an_estimate_is_the_median_of_the_last_runs_on_the_same_vm_first() -> None:
    known = [ran("Recipe node", seconds) for seconds in (50, 40, 60, 45, 55, 900)]
    known += [ran("Recipe node", 5, "other"), ran("Recipe git", 10, "other"), ran("Recipe git", 20, "third")]
    found = estimates(JOB, known)
    assert found.by_title == {"Recipe node": 50, "Recipe git": 15}


def test_only_steps_that_ran_and_succeeded_count() -> None:
    steps = (
        STEPS[0],
        StepRecord("Recipe node", ("x",), "failed", started=1.0, ended=9.0),
        StepRecord("Recipe git", ("x",), "skipped"),
        StepRecord("Check ports", (), "done", started=1.0, ended=2.0),
    )
    assert times(replace(JOB, steps=steps)) == (ran("Start VM", 40.0),)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "a few seconds"), (12, "10 s"), (37, "40 s"), (54, "50 s"), (58, "1 min"), (100, "2 min")),
        *((3550, "59 min"), (4200, "1 h 10 min"), (7300, "2 h")),
    ],
)
def test_durations_have_no_false_precision(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_a_running_step_and_its_job_have_a_bar_with_the_time_left() -> None:
    view = views.job_view(JOB, NOW, measure=Measure(Estimates({"Recipe node": 60.0, "Recipe git": 80.0})))
    assert view.steps[1].bar is not None
    assert (view.steps[1].bar.value, view.steps[1].bar.most, view.steps[1].reason) == (20, 60, "about 40 s left")
    assert view.bar is not None
    assert (view.bar.value, view.bar.most, view.bar.text) == (60, 180, "about 2 min left")
    assert "running for 1 min, about 2 min left." in view.lead
    assert view.steps[3].reason == "unchanged; its probe passes", "it will be skipped, so it takes no time"


def test_past_its_estimate_a_step_is_longer_than_usual_and_nothing_has_a_bar() -> None:
    late = Measure(Estimates({"Recipe node": 10.0, "Recipe git": 80.0}))
    view = views.job_view(JOB, NOW, measure=late)
    assert view.steps[1].reason == "longer than usual (10 s)"
    assert view.steps[1].bar is None
    assert view.bar is None


def test_without_a_measure_there_is_no_bar_and_the_running_time() -> None:
    view = views.job_view(JOB, NOW)
    assert [step.bar for step in view.steps] == [None] * 4
    assert view.bar is None
    assert view.steps[1].clock == "0:20"
    one = views.job_view(JOB, NOW, measure=Measure(Estimates({"Recipe node": 60.0})))
    assert one.bar is None, "a step of which nothing is known can take any time"
    assert one.steps[1].bar is not None


def test_a_download_has_the_bar_of_its_bytes() -> None:
    view = views.job_view(JOB, NOW, measure=Measure(Estimates({"Recipe node": 1.0}), (25, 100)))
    assert view.steps[1].bar is not None
    assert (view.steps[1].bar.value, view.steps[1].bar.most) == (250, 1000)
    assert view.steps[1].reason == "", "not longer than usual: it is measured"


def keep(vms: Vms, number: int, job: Job) -> None:
    one = replace(job, id=f"{number:032x}")
    job_record.folder(vms.paths, one.id).mkdir(parents=True)
    job_record.save(vms.paths, one)
    os.utime(job_record.folder(vms.paths, one.id), ns=(number * 10**9, number * 10**9))


def test_of_a_thousand_jobs_the_newest_are_read_once(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 1001):
        step = StepRecord("Recipe node", ("x",), "done", started=1.0, ended=1.0 + number)
        keep(vms, number, replace(JOB, state="succeeded", steps=(step,)))
    opened: list[str] = []
    read = job_record.read

    def noted(paths: Paths, job_id: str) -> Job:
        opened.append(job_id)
        return read(paths, job_id)

    monkeypatch.setattr(job_record, "read", noted)
    known = StepTimes(vms.paths)
    assert known.of(JOB).by_title["Recipe node"] == 998, "the median of the last five"
    assert len(opened) == MOST_JOBS
    known.of(JOB)
    assert len(opened) == MOST_JOBS, "nothing is read again"
    keep(vms, 1001, replace(JOB, state="succeeded", steps=(replace(STEPS[1], state="done", ended=NOW),)))
    known.of(JOB)
    assert len(opened) == MOST_JOBS + 1


def test_the_page_of_a_running_job_has_the_bar(client: Browser, vms: Vms) -> None:
    me = Process.of(os.getpid())
    before = StepRecord("Recipe node", ("x",), "done", started=1.0, ended=10_001.0)
    keep(vms, 1, replace(JOB, state="succeeded", steps=(before,)))
    begun = replace(STEPS[1], started=time.time() - 100)
    keep(vms, 2, replace(JOB, process=me, steps=(begun,)))
    text = client.get(f"/jobs/{2:032x}/part").text
    assert "about 2 h 40 min left" in text
    assert '<progress value="100" max="10000"' in text.replace("101", "100")
