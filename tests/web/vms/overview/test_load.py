"""The tab Load: plots, jobs and turns on the time line, the table, and a VM without samples."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from dvmweb.jobs.job_record import Job
from dvmweb.lima.instances import Instance
from dvmweb.lima.watching import Snapshot
from dvmweb.records import agent_turns, load_samples
from dvmweb.records.agent_turns import Turn
from dvmweb.records.load_samples import History, Reading, Sample
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.vms.overview.load_views import load_view
from tests.web.conftest import Browser

NOW = 1_800_000_030.0
GIB = 1 << 30
SIZES = (4, 8 * GIB, 40 * GIB)
HOUR = tuple(
    Sample(NOW - ago, 0.25, 2 * GIB, 9 * GIB, 2048, 512) for ago in range(3500, 0, -16) if not 1200 < ago < 2400
)


def test_four_plots_with_axis_and_what_is_now() -> None:
    view = load_view(History(HOUR), SIZES, ((), ()), NOW)
    assert [(one.name, one.top, one.text) for one in view.figures] == [
        ("CPU", "4 CPUs", "25 % · at most 25 %"),
        ("Memory", "8.0 GiB", "2.0 GiB · at most 2.0 GiB"),
        ("Disk", "40.0 GiB", "9.0 GiB · at most 9.0 GiB"),
        ("Network", "2.0 KiB/s", "received 2.0 KiB/s · sent 512 B/s"),
    ]
    assert view.ticks == ("60 min ago", "45 min ago", "30 min ago", "15 min ago", "now")
    assert all(line.line.count("M") == 2 for one in view.figures for line in one.lines), "a gap in each"
    assert view.note == ""


def test_the_table_says_the_same_and_has_a_gap_in_words() -> None:
    view = load_view(History(HOUR), SIZES, ((), ()), NOW)
    assert view.columns == ("CPU", "Memory", "Disk", "Received", "Sent")
    assert len(view.rows) == 60
    assert view.rows[0][1:] == ("25 %", "2.0 GiB", "9.0 GiB", "2.0 KiB/s", "512 B/s")
    assert view.rows[30][1:] == ("not known",) * 5


def test_a_vm_that_does_not_run_has_no_value_now() -> None:
    view = load_view(History(HOUR), SIZES, ((), ()), NOW, is_running=False)
    assert view.figures[0].text == "not known now · at most 25 %"
    assert view.age == ""


@pytest.mark.parametrize(("is_running", "why"), [(True, "No samples yet"), (False, "is not running")])
def test_without_samples_it_says_why(is_running: bool, why: str) -> None:
    view = load_view(History(), SIZES, ((), ()), NOW, is_running=is_running)
    assert why in view.note
    assert {one.text for one in view.figures} == {"not known"}
    assert not any(one.is_known for one in view.figures)


def test_jobs_and_turns_are_bands_on_the_time_line() -> None:
    jobs = (
        Job("a" * 32, "app", "sync", state="succeeded", started=NOW - 1800, ended=NOW - 1200),
        Job("b" * 32, "app", "work", state="succeeded", started=NOW - 9000, ended=NOW - 8000),
        Job("c" * 32, "app", "stop", state="queued"),
    )
    turns = (Turn("claude", NOW - 4000, NOW - 3000), Turn("<x>", NOW - 20, NOW - 19))
    bands = load_view(History(HOUR), SIZES, (jobs, turns), NOW).bands
    assert [(band.kind, band.path) for band in bands] == [("turn", ""), ("job", f"/jobs/{'a' * 32}"), ("turn", "")]
    assert bands[0].x == 0, "it began before"
    assert bands[1].width == 10
    assert bands[1].title.startswith("Sync (succeeded), ")
    assert bands[1].title.endswith(", 10 min")
    assert all(band.width > 0 and band.x + band.width <= 59 for band in bands)


def test_a_day_has_quarters_of_an_hour() -> None:
    day = tuple(Sample(NOW - ago, 0.1, GIB, cpu_most=0.7) for ago in range(80_000, 0, -300))
    view = load_view(History(HOUR, day), SIZES, ((), ()), NOW, "day")
    assert len(view.rows) == 96
    assert view.figures[0].text == "25 % · at most 70 %", "now is of the hour"
    assert [name for name, _, is_current in view.spans if is_current] == ["day"]


def test_an_odd_span_is_the_hour() -> None:
    assert load_view(History(), SIZES, ((), ()), NOW, "<b>").span == "hour"


def test_the_page_and_its_part(client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    vms.init("app")
    vms.paths.vm_state("app").mkdir(parents=True, mode=0o700)
    now = time.time()
    for ago in (40, 24, 8):
        at = now - ago
        load_samples.add(vms.paths, "app", Reading(at, 1, int(at * 100), int(at * 200), 3 * GIB))
    agent_turns.add(vms.paths, "app", Turn("claude", now - 600, now - 300))
    vm = Vm("app", "managed", "Running", vms.check_config("app"), Instance("dvm-app", "Running"), "", None, None, None)
    snapshot = Snapshot((vm,), now, None, 1)
    monkeypatch.setattr(Vms, "remembered", lambda _self, _vm: vm)  # no instance is behind it
    monkeypatch.setattr(context, "watch", lambda: SimpleNamespace(snapshot=lambda *_, **__: snapshot))
    for address in ("/vms/app?tab=load", "/vms/app/load?span=hour"):
        text = client.get(address).text
        assert 'aria-label="CPU, last hour: 50 % now, at most 50 %"' in text
        assert "Claude worked, " in text
        assert "sampled" in text
    assert "<html" not in client.get("/vms/app/load").text
    assert "CPU, last hour: 50 % now" in client.get("/").text, "on the card"
