"""The watch: one list for all tabs, changes from elsewhere within 2 s, and no page waits for a hung limactl."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dvmweb.errors import CheckFailed, DvmError
from dvmweb.guest.state import Applied, Use
from dvmweb.guest.unsaved_work import UnsavedWorkReport, failed_report
from dvmweb.jobs.job_record import Job
from dvmweb.lima import watching
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.lima.watching import Acts, Watch
from dvmweb.paths import Paths
from dvmweb.records import applied_recipes
from dvmweb.records import guest_status as reaches
from dvmweb.records.guest_status import GuestStatus
from dvmweb.verbs import monitor
from dvmweb.verbs.recipes.usage import standing
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work, limactl  # noqa: F401


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path, tmp_path / "c", tmp_path / "s", tmp_path / "lima", tmp_path, True)
    for folder in (found.config / "vms", found.state / "vms", found.jobs, found.lima_home):
        folder.mkdir(parents=True)
    return found


class Source:
    """A limactl that can be slow, broken or counted."""

    def __init__(self) -> None:
        self.calls = self.remembered = 0
        self.names: tuple[str, ...] = ("a",)
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def check(self) -> tuple[str, ...]:
        self.calls += 1
        self.gate.wait(20)
        if self.error:
            raise self.error
        return self.names

    def remember(self, found: tuple[str, ...]) -> tuple[str, ...]:
        self.remembered += 1
        return (*found[:1], f"noted {self.remembered}")

    def acts(self) -> Acts[str]:
        return Acts(self.check, self.remember, lambda found: None)


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.gate.set()


def test_many_tabs_make_one_look(paths: Paths, source: Source) -> None:
    watch = Watch(paths, source.acts())
    threads = [threading.Thread(target=watch.snapshot) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert watch.snapshot().vms == ("a",)
    assert source.calls == 1


@pytest.mark.parametrize("where", ["instance", "instance file", "config", "defaults", "job"])
def test_a_change_elsewhere_is_seen_and_nothing_else_makes_a_look(paths: Paths, source: Source, where: str) -> None:
    (paths.lima_home / "dvm-a").mkdir()
    watch = Watch(paths, source.acts())
    watch.snapshot()
    for _ in range(5):
        watch.snapshot()
    assert source.calls == 1
    source.names = ("a", "b")
    places = {
        "instance": paths.lima_home / "dvm-a" / "ha.pid",
        "instance file": paths.lima_home / "dvm-a" / "lima.yaml",
        "config": paths.vm_config("b"),
        "defaults": paths.config_file,
        "job": paths.jobs / ("0" * 32),
    }
    places[where].write_text("1")
    eventually(lambda: watch.snapshot().vms == ("a", "b"), watching.OLDEST / 2)  # not by the list that comes anyway
    assert source.calls == 2


def test_who_waits_gets_a_look_made_after_the_change_and_waits_no_longer(paths: Paths, source: Source) -> None:
    (paths.lima_home / "dvm-a").mkdir()
    watch = Watch(paths, source.acts())
    watch.snapshot()
    source.gate.clear()
    (paths.lima_home / "dvm-a" / "ha.pid").write_text("1")
    threading.Timer(0.3, source.gate.set).start()
    source.names = ("a", "b")
    assert watch.snapshot(60.0).vms == ("a", "b")
    (paths.lima_home / "dvm-a" / "ha.pid").unlink()
    assert watch.snapshot(60.0).vms == ("a", "b"), "a look that finds no other list is one too"


def test_a_note_of_ours_is_read_without_a_look(paths: Paths, source: Source) -> None:
    (paths.state / "vms" / "a").mkdir()
    watch = Watch(paths, source.acts())
    first = watch.snapshot()
    (paths.state / "vms" / "a" / "reach.json").write_text("{}")
    eventually(lambda: watch.snapshot().vms == ("a", "noted 1"))
    assert watch.snapshot().generation > first.generation
    assert watch.snapshot().at == first.at, "the list itself is as old as it was"
    assert source.calls == 1


def test_r13_a_hung_limactl_blocks_nobody_and_says_so(
    paths: Paths, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SLOW", 0.2)
    watch = Watch(paths, source.acts())
    first = watch.snapshot()
    source.gate.clear()
    paths.vm_config("b").write_text("")
    eventually(lambda: source.calls == 2)
    for _ in range(30):  # while limactl hangs for ever
        snapshot = watch.snapshot()
    assert snapshot.vms == ("a",)
    told = eventually(lambda: watch.snapshot().problem)
    assert "has not finished" in told.what
    assert watch.snapshot().at == first.at


def test_a_limactl_that_hangs_from_the_first_moment_blocks_no_page(
    paths: Paths, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FIRST", 0.3)
    monkeypatch.setattr(watching, "SLOW", 0.1)
    source.gate.clear()
    snapshot = Watch(paths, source.acts()).snapshot()
    assert snapshot.generation == 0
    assert snapshot.problem is not None


def test_a_page_that_needs_the_first_list_waits_for_it(
    paths: Paths, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FIRST", 0.0)
    monkeypatch.setattr(watching, "SLOW", 0.01)
    source.gate.clear()
    watch = Watch(paths, source.acts())
    problem = eventually(lambda: watch.snapshot().problem)
    assert isinstance(problem, CheckFailed)
    assert "no list of VMs yet" in problem.todo
    found: list[watching.Snapshot[str]] = []
    thread = threading.Thread(target=lambda: found.append(watch.snapshot(first=60.0)))
    thread.start()
    source.gate.set()
    thread.join()
    assert (found[0].vms, found[0].problem) == (("a",), None)


def test_a_vm_is_not_missing_while_there_is_no_list(client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    vms.init("app")
    slow: watching.Snapshot[Vm] = watching.Snapshot(
        problem=CheckFailed("`limactl list` has not finished for 12 s.", "Try again.")
    )
    monkeypatch.setattr(context, "watch", lambda: SimpleNamespace(snapshot=lambda *_, **__: slow))
    for answer in (
        client.get("/vms/app"),
        client.get("/vms/app/terminal"),
        client.post("/selected", data={"verb": "sync", "vm": "app"}),
    ):
        assert answer.status_code == 502
        assert "has not finished for 12 s" in answer.text
        assert "There is no VM" not in answer.text


@pytest.mark.parametrize("error", [DvmError("limactl broke", "mend it"), ValueError("r23")])
def test_r23_a_look_that_fails_is_told_and_the_last_list_stays(paths: Paths, source: Source, error: Exception) -> None:
    watch = Watch(paths, source.acts())
    watch.snapshot()
    source.error = error
    paths.vm_config("b").write_text("")
    told = eventually(lambda: watch.snapshot().problem)
    assert watch.snapshot().vms == ("a",)
    assert "r23" not in told.what, "a fault's text may be a guest's"
    source.error = None
    paths.vm_config("c").write_text("")
    eventually(lambda: watch.snapshot().problem is None)


def test_the_thread_ends_when_nobody_asks_and_comes_back(
    paths: Paths, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "IDLE", 0.05)
    monkeypatch.setattr(watching, "TICK", 0.02)
    watch = Watch(paths, source.acts())
    watch.snapshot()
    thread = eventually(lambda: next((t for t in threading.enumerate() if t.name == "watch"), None))
    thread.join(5)
    assert not thread.is_alive()
    paths.vm_config("b").write_text("")
    source.names = ("b",)
    eventually(lambda: watch.snapshot().vms == ("b",))


def test_a_stamp_of_fifty_vms_is_cheap(paths: Paths) -> None:
    for number in range(50):
        (paths.lima_home / f"dvm-{number}").mkdir()
        (paths.lima_home / f"dvm-{number}" / "lima.yaml").touch()
        paths.vm_config(f"v{number}").touch()
        (paths.state / "vms" / f"v{number}").mkdir()
    best = min(_seconds(paths) for _ in range(20))
    assert best < 0.01, f"{best * 1000:.2f} ms"


def _seconds(paths: Paths) -> float:
    began = time.perf_counter()
    watching.stamp(paths)
    watching.notes(paths)
    return time.perf_counter() - began


# -- the rounds --------------------------------------------------------------------------------------------------------

NOW = 1_700_000_000.0
RUNNING = Instance("dvm-a", "Running")


def vm(**changes: object) -> Vm:
    from dvmweb.config.model import VmConfig

    plain = Vm("a", "managed", "Running", VmConfig.from_values({"name": "a"}), RUNNING, "", None, None, None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def answers(**changes: object) -> Vm:
    return vm(reach=GuestStatus(True, NOW - 5), **changes)


@pytest.mark.parametrize(
    ("one", "due"),
    [
        (vm(), "reach"),
        (vm(reach=GuestStatus(True, NOW - 20)), "reach"),
        (vm(reach=GuestStatus(False, NOW - 20)), "reach"),
        (vm(reach=GuestStatus(True, NOW - 5)), "work"),
        (vm(reach=GuestStatus(True, NOW - 5), job_ended=NOW - 4), "reach"),  # a job may have changed what is applied
        (vm(reach=GuestStatus(True, NOW - 5), work=UnsavedWorkReport(NOW - 700, "/c")), "work"),
        (vm(reach=GuestStatus(True, NOW - 5), work=UnsavedWorkReport(NOW - 60, "/c")), ""),
        (vm(reach=GuestStatus(False, NOW - 5)), ""),
        (vm(reach=GuestStatus(True, NOW + 7200)), "reach"),  # R18: the clock was set back
        (vm(reach=GuestStatus(True, NOW - 5), work=UnsavedWorkReport(NOW + 7200, "/c")), "work"),
        # A check that failed is made again sooner, but not at once; one of before a use when that is over.
        (answers(work=UnsavedWorkReport(NOW - 60, "/c"), failed_check=failed_report("x", checked_at=NOW - 30)), ""),
        (
            answers(work=UnsavedWorkReport(NOW - 160, "/c"), failed_check=failed_report("x", checked_at=NOW - 130)),
            "work",
        ),
        (answers(work=failed_report("x", checked_at=NOW - 30)), ""),
        (answers(work=failed_report("x", checked_at=NOW - 130)), "work"),
        (answers(work=UnsavedWorkReport(NOW - 30, "/c"), since="used", used_at=NOW - 2), ""),
        (answers(work=UnsavedWorkReport(NOW - 30, "/c"), since="used", used_at=NOW - 9), "work"),
        (answers(work=UnsavedWorkReport(NOW - 15, "/c"), since="used", used_at=NOW - 9), ""),
        (answers(work=UnsavedWorkReport(NOW - 130, "/c"), since="used", used_at=NOW - 1), "work"),
        (answers(work=UnsavedWorkReport(NOW - 30, "/c"), since="in use"), ""),
        (answers(work=UnsavedWorkReport(NOW - 130, "/c"), since="in use"), "work"),
        (answers(work=UnsavedWorkReport(NOW - 30, "/c"), since="ran"), "work"),
        (vm(status="Stopped"), ""),
        (vm(kind="unmanaged"), ""),
        (vm(kind="not created", status="", instance=None), ""),
        (vm(job=Job("0" * 32, "a", "stop", state="running")), ""),
        (vm(config=None, problem="broken"), ""),
    ],
)
def test_who_is_asked_what(one: Vm, due: str) -> None:
    assert monitor.what_is_due(one, NOW) == due


def test_use_of_the_processors_is_told_between_two_answers_of_one_boot(paths: Paths) -> None:
    boot, next_boot = replace(RUNNING, host_agent_pid=7), replace(RUNNING, host_agent_pid=8)

    def after(instance: Instance, busy: int, ticks: int) -> tuple[int | None, int | None]:
        use = Use(busy, ticks, 3 << 20, 4 << 20)
        reaches.write(paths, "a", instance, is_answered=True, use=use)
        reach = reaches.read(paths, "a", instance)
        assert reach is not None
        return reach.cpu, reach.memory

    assert after(boot, 100, 1000) == (None, 3 << 20)
    assert after(boot, 140, 1200) == (20, 3 << 20)
    assert after(boot, 140, 1200) == (None, 3 << 20)  # no time has passed
    assert after(boot, 130, 1300) == (None, 3 << 20)  # a guest may say anything
    assert after(next_boot, 230, 1400) == (None, 3 << 20)
    reaches.write(paths, "a", next_boot, is_answered=False)
    reach = reaches.read(paths, "a", next_boot)
    assert reach is not None
    assert (reach.answered, reach.cpu, reach.memory) == (False, None, None)
    assert 0 < reach.last_answer <= reach.at, "that it did answer is not forgotten"
    assert after(next_boot, 250, 1500) == (20, 3 << 20), "nor what was counted"


@pytest.mark.usefixtures("guests_work")
def test_a_running_vm_is_asked_beside_jobs_and_the_answer_is_noted(dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    one = vms.list_vms()[0]
    for file in ("reach.json", "work.json"):
        (dvm_home.paths.vm_state("app") / file).unlink()
    lines = dvm_home.paths.ledger.read_text().count("\n")
    monitor.query(vms, one, monitor.REACH)
    monitor.query(vms, one, monitor.WORK)
    seen = vms.remembered(one)
    assert seen.reach is not None
    assert seen.reach.answered
    assert seen.work is not None
    assert seen.work.summary() == "no unsaved work found"
    assert dvm_home.paths.ledger.read_text().count("\n") == lines, "answered questions do not push commands out"
    dvm_home.faults(ssh={"exit": 255, "stderr": "Connection refused\n"})
    monitor.query(vms, one, monitor.REACH)
    seen = vms.remembered(one)
    assert seen.reach is not None
    assert not seen.reach.answered
    assert dvm_home.paths.ledger.read_text().count("\n") > lines, "what failed is recorded"


@pytest.mark.usefixtures("guests_work")
def test_what_plain_limactl_does_shows_within_two_seconds_with_one_list_for_all_tabs(
    dvm_home: DvmHome,  # noqa: F811
    client: Browser,
    vms: Vms,
) -> None:
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    assert "Running" in client.get("/cards").text or "Reachable" in client.get("/cards").text
    lists = dvm_home.paths.ledger.read_text().count('"list"')
    limactl(dvm_home, "stop", "--tty=false", "dvm-app")
    eventually(lambda: "Stopped" in client.get("/cards").text, watching.OLDEST / 2)
    for _ in range(30):
        client.get("/cards")
    more = dvm_home.paths.ledger.read_text().count('"list"') - lists
    assert more <= 4, f"{more} lists for 30 tabs"


def test_a_hung_engine_blocks_no_page(
    dvm_home: DvmHome,  # noqa: F811
    client: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dvmweb.lima.process.subprocess", subprocess)  # a forked list has no command line of its own
    dvm_home.ok("init", "app")
    assert "app" in client.get("/").text
    dvm_home.faults(list={"hang": True})
    os.utime(dvm_home.paths.vm_config("app"))
    hung = eventually(_lists)
    for _ in range(20):  # while it hangs for ever
        assert "app" in client.get("/").text
    assert hung == _lists()
    for one in [*hung[0].children(), *hung]:  # the end of the watch would wait for its deadline
        one.kill()


def _lists() -> list[psutil.Process]:
    """Every `limactl list` that runs for this process."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended meanwhile
            found += [one] if {"limactl", "list"} <= set(one.cmdline()) else []
    return found


def test_looks_into_a_vm_follow_each_other_and_one_comes_after_the_last_deed(
    vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older look that ended after a newer one would hide what was done in between."""
    began: list[str] = []
    gate = threading.Semaphore(0)

    def check(_vms: Vms, vm: Vm) -> None:
        began.append(vm.name)
        gate.acquire(timeout=20)

    monkeypatch.setattr(monitor, "check_again", check)
    checks = monitor.WorkChecks(vms)
    app, other = (Vm(name, "managed", "Running", None, None, "", None, None, None) for name in ("app", "other"))
    for vm in (app, app, app, other):
        checks.soon(vm)
    eventually(lambda: sorted(began) == ["app", "other"])
    gate.release(2)
    eventually(lambda: began.count("app") == 2)  # for the second and the third together
    gate.release(1)
    eventually(lambda: not checks._wanted)
    checks.soon(app)
    eventually(lambda: began.count("app") == 3)
    gate.release(1)
    eventually(lambda: not checks._wanted)
    assert began.count("other") == 1


def question(ended: str = "exit", began_after: float = 0.1) -> Finished:
    return Finished((), 0, b"", b"", 1.0, ended, began_after=began_after)


def test_the_pace_of_a_guest_is_measured_in_each_boot(paths: Paths) -> None:
    boot, next_boot = replace(RUNNING, host_agent_pid=7), replace(RUNNING, host_agent_pid=8)

    def after(instance: Instance, asked: Finished | None, *, is_answered: bool = True) -> float:
        reaches.write(paths, "a", instance, is_answered=is_answered, question=asked)
        return reaches.pace(paths, "a", instance)

    assert reaches.pace(paths, "a", boot) == 1, "nobody has measured"
    assert after(boot, question(began_after=2.0)) == 8
    assert after(boot, None) == 8, "no question, no measure"
    assert after(boot, question("deadline"), is_answered=False) == 16, "what came not in time is waited for longer"
    assert after(boot, question(), is_answered=False) == 16, "a line that is dead says nothing about the pace"
    assert reaches.pace(paths, "a", next_boot) == 1
    assert after(next_boot, question()) == 1
    (paths.vm_state("a") / "reach.json").write_text('{"host_agent_pid": 8, "pace": 1e9}')
    assert reaches.pace(paths, "a", next_boot) == 1, "what cannot be is not believed"


def test_a_recipe_whose_probe_was_late_gets_no_tick_until_another_one_passes(paths: Paths) -> None:
    known = Applied("a" * 64, "done", 1)

    def told(probes: dict[str, str]) -> str:
        applied_recipes.keep(paths, "a", RUNNING, {"node": known}, probes)
        return standing(applied_recipes.read(paths, "a", RUNNING)["node"], known.hash, RUNNING).word

    assert told({"node": "ok"}) == "applied"
    assert told({"node": "late"}) == "not known"
    assert told({}) == "not known", "asked without its probe"
    assert told({"node": "ok"}) == "applied"
