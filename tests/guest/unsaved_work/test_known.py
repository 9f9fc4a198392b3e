"""What is known of the work in a VM: a failed check takes nothing away, and no use after a check is called clean."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dvmweb import vm_use_marks
from dvmweb.guest.unsaved_work import LooseFiles, Names, RepositoryReport, UnsavedWorkReport, Verdict, failed_report
from dvmweb.lima.instances import Instance
from dvmweb.paths import Paths, from_environment
from dvmweb.records import last_use, work_reports
from dvmweb.records.known_work import CHECK_FAILED, IN_USE, RAN, USED, WorkStatus, facts_of

NOW = 1_700_000_000.0
NEWER = ("unseen", "outside", "is_outside_cut")  # fields that an older report does not have
CLEAN = UnsavedWorkReport(NOW, "/home/dev/code/app", (RepositoryReport(".", "worktree", "main"),), digest="a" * 64)
UNPUSHED = RepositoryReport(".", "worktree", "main", unpushed=2)
RISK = replace(CLEAN, repositories=(UNPUSHED,))
FAILED = failed_report("the guest did not respond in time", checked_at=NOW + 60)
TOOLS = RepositoryReport("tools", "worktree", "main", stashes=1)
PARTIAL = replace(FAILED, code_dir="/home/dev/code/app", repositories=(TOOLS,), problems=("docs: Permission denied",))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return from_environment({"HOME": str(tmp_path), "PATH": "", "DVM_ENGINE": "demo"})


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    folder = tmp_path / "dvm-app"
    folder.mkdir()
    for name, text in (("lima-version", "2.0"), ("disk", "x"), ("ha.stdout.log", "the first run\n")):
        (folder / name).write_text(text)
    return Instance("dvm-app", "Running", directory=str(folder))


class Kept:
    """The notes about one VM."""

    def __init__(self, paths: Paths, instance: Instance) -> None:
        self.paths, self.instance = paths, instance

    def check(self, report: UnsavedWorkReport, job: str = "1" * 32) -> None:
        work_reports.write(self.paths, "app", self.instance, job, report, last_use.read(self.paths, "app").mark)

    @property
    def known(self) -> WorkStatus:
        found = work_reports.known(self.paths, "app", self.instance)
        assert found is not None
        return found

    @property
    def verdict(self) -> Verdict:
        return self.known.verdict

    def stopped(self) -> Kept:
        return Kept(self.paths, replace(self.instance, status="Stopped"))


@pytest.fixture
def kept(paths: Paths, instance: Instance) -> Kept:
    return Kept(paths, instance)


# -- a failure takes nothing away --------------------------------------------------------------------------------------


def test_work_at_risk_survives_every_check_that_fails(kept: Kept) -> None:
    kept.check(RISK)
    for number in range(3):
        kept.check(failed_report(f"reason {number}", checked_at=NOW + number))
    assert kept.known.report == RISK
    assert kept.known.failed is not None
    assert kept.known.failed.problems == ("reason 2",)
    assert kept.known.verdict is Verdict.UNSAVED_WORK


def test_a_clean_report_with_a_newer_failure_is_not_clean_and_not_forgotten(kept: Kept) -> None:
    kept.check(CLEAN)
    kept.check(FAILED)
    assert kept.known.verdict is Verdict.CHECK_FAILED
    assert kept.known.is_doubted
    assert kept.known.report == CLEAN
    assert kept.known.summary.startswith("not known")
    kept.check(CLEAN)
    assert (kept.known.verdict, kept.known.failed) == (Verdict.CLEAN, None)


def test_what_a_check_found_before_it_failed_adds_to_the_last_report(kept: Kept) -> None:
    kept.check(CLEAN)
    kept.check(PARTIAL)
    assert kept.known.verdict is Verdict.UNSAVED_WORK
    assert "1 stash" in kept.known.summary
    kept.check(FAILED)
    assert kept.known.verdict is Verdict.UNSAVED_WORK, "a failure that found nothing takes no fact of an earlier one"
    assert kept.known.failed is not None
    assert kept.known.failed.problems == FAILED.problems, "the newest reason is told"
    kept.check(RISK)
    assert "tools" not in kept.known.report.to_json()


def test_a_place_that_a_later_failed_check_looked_into_is_told_as_it_is_now(kept: Kept) -> None:
    kept.check(PARTIAL)
    pushed = replace(PARTIAL, repositories=(replace(TOOLS, stashes=0),))
    kept.check(replace(pushed, problems=("tools: git did not answer",)))
    assert kept.verdict is Verdict.UNSAVED_WORK, "it could not look into that very place"
    kept.check(pushed)
    assert kept.known.verdict is Verdict.CHECK_FAILED


def test_the_first_check_that_failed_tells_what_it_found(kept: Kept) -> None:
    kept.check(PARTIAL)
    assert (kept.known.verdict, kept.known.has_worked, kept.known.failed) == (Verdict.UNSAVED_WORK, False, None)
    kept.check(replace(FAILED, loose=LooseFiles(2, 10, ("a", "b")), code_dir="/home/dev/code/app"))
    assert "1 stash" in kept.known.summary
    assert "2 loose files" in kept.known.summary


def test_another_instance_of_the_name_inherits_nothing(kept: Kept, tmp_path: Path) -> None:
    kept.check(RISK)
    other = tmp_path / "other"
    other.mkdir()
    (other / "lima-version").write_text("2.0")
    new = replace(kept.instance, directory=str(other))
    assert work_reports.known(kept.paths, "app", new) is None
    work_reports.write(kept.paths, "app", new, "", FAILED)
    assert Kept(kept.paths, new).known == WorkStatus(FAILED)


def test_what_an_older_dvm_found_at_risk_stays_known_and_its_clean_word_does_not(kept: Kept) -> None:
    kept.check(RISK)
    path = kept.paths.vm_state("app") / "work.json"
    facts = json.loads(path.read_text())
    for report, verdict in (
        (RISK, Verdict.UNSAVED_WORK),
        (CLEAN, Verdict.CHECK_FAILED),
        (FAILED, Verdict.CHECK_FAILED),
    ):
        older = {name: value for name, value in in_old_words(report).items() if name not in NEWER}
        for repository in older["repositories"]:
            for name in ("unknown", "reason"):
                repository.pop(name, None)
        old = {"version": 1, "mark": facts["mark"], "boot": facts["good"]["boot"], "job": "j"}
        path.write_text(json.dumps({**old, "report": json.dumps({**older, "version": 1})}))
        assert kept.known.verdict is verdict
    path.write_text("{")
    assert kept.known.verdict is Verdict.CHECK_FAILED


def in_old_words(report: UnsavedWorkReport) -> dict[str, Any]:
    """The facts as dvm 0.1 stored them."""
    facts = json.loads(report.to_json())
    verdict = {"unsaved work": "at risk", "check failed": "could not look"}.get(facts["verdict"], facts["verdict"])
    return {**facts, "version": 2, "verdict": verdict, "looked_at": facts.pop("checked_at")}


def test_reports_in_the_words_of_dvm_0_1_stay_known(kept: Kept) -> None:
    kept.check(CLEAN)
    path = kept.paths.vm_state("app") / "work.json"
    facts = json.loads(path.read_text())
    for report in (RISK, CLEAN):
        facts["good"]["report"] = json.dumps(in_old_words(report))
        path.write_text(json.dumps(facts))
        assert kept.known == WorkStatus(report)


def test_a_job_finds_its_own_report_also_where_it_failed(kept: Kept) -> None:
    kept.check(RISK, "a" * 32)
    kept.check(FAILED, "b" * 32)
    assert work_reports.of_job(kept.paths, "app", "a" * 32) == RISK
    assert work_reports.of_job(kept.paths, "app", "b" * 32) == FAILED
    assert work_reports.of_job(kept.paths, "app", "c" * 32) is None


def test_a_delete_is_bound_to_all_that_was_shown() -> None:
    shown = [
        WorkStatus(RISK),
        WorkStatus(CLEAN),
        WorkStatus(RISK, FAILED),
        WorkStatus(CLEAN, FAILED),
        WorkStatus(FAILED),
        WorkStatus(RISK, PARTIAL),
    ]
    assert len({known.digest for known in shown}) == len(shown)
    assert WorkStatus(RISK).bound_to == RISK.facts_hash()
    assert WorkStatus(RISK, FAILED).bound_to == CHECK_FAILED
    assert WorkStatus(RISK, PARTIAL).bound_to == facts_of(replace(PARTIAL, problems=("another reason",)))
    more = replace(PARTIAL, repositories=(TOOLS, UNPUSHED))
    assert facts_of(more) not in (facts_of(PARTIAL), CHECK_FAILED), "what it finds now was not seen"


# -- what comes after a report -----------------------------------------------------------------------------------------


def test_a_use_after_a_check_is_not_clean_whatever_the_clock_says(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.check(CLEAN)
    assert not kept.known.since
    monkeypatch.setattr("dvmweb.vm_use_marks.time.time_ns", lambda: int((NOW - 86400) * 1e9))  # the clock was set back
    last_use.touch(kept.paths, "app")
    assert (kept.known.since, kept.known.verdict) == (USED, Verdict.CHECK_FAILED)
    kept.check(CLEAN)
    assert kept.known.verdict is Verdict.CLEAN


def test_what_is_done_while_a_check_looks_is_after_it(kept: Kept) -> None:
    before = last_use.read(kept.paths, "app").mark
    last_use.touch(kept.paths, "app")  # the folder is there only now
    kept.check(CLEAN)
    before = last_use.read(kept.paths, "app").mark
    last_use.touch(kept.paths, "app")
    work_reports.write(kept.paths, "app", kept.instance, "", CLEAN, before)
    assert kept.known.since == USED


def test_a_session_makes_every_report_doubtful_and_its_end_does_too(kept: Kept) -> None:
    with last_use.session(kept.paths, "app"):
        kept.check(CLEAN)
        assert kept.known.since == IN_USE
        assert kept.known.verdict is Verdict.CHECK_FAILED
    assert kept.known.since == USED


def test_another_run_is_not_in_the_report(kept: Kept) -> None:
    kept.check(CLEAN)
    (Path(kept.instance.directory) / "ha.stdout.log").write_text("the second run\n")
    for one in (kept, kept.stopped()):
        assert one.known.since == RAN
        assert one.known.verdict is Verdict.CHECK_FAILED


def test_work_at_risk_stays_so_whatever_was_done_since(kept: Kept) -> None:
    kept.check(RISK)
    last_use.touch(kept.paths, "app")
    assert (kept.known.verdict, kept.known.since) == (Verdict.UNSAVED_WORK, USED)


# -- the look before a stop --------------------------------------------------------------------------------------------


def seen_off(kept: Kept, job: str = "1" * 32) -> None:
    work_reports.note_end(kept.paths, "app", kept.instance, job, last_use.read(kept.paths, "app"))


def clean_since_stop(kept: Kept) -> bool:
    return work_reports.clean_since_stop(kept.paths, "app", kept.instance) is not None


def test_the_look_before_a_stop_holds_for_the_stopped_vm(kept: Kept) -> None:
    kept.check(CLEAN)
    assert not clean_since_stop(kept.stopped()), "it was stopped past dvm"
    seen_off(kept)
    assert clean_since_stop(kept.stopped())
    assert not clean_since_stop(kept), "it runs"
    last_use.touch(kept.paths, "app")  # the last words of its terminals
    assert clean_since_stop(kept.stopped())
    assert kept.stopped().known.verdict is Verdict.CLEAN


def test_it_does_not_hold_for_what_it_has_not_seen(kept: Kept) -> None:
    kept.check(CLEAN)
    last_use.touch(kept.paths, "app")  # between the look and the stop
    seen_off(kept)
    assert not clean_since_stop(kept.stopped())
    assert kept.stopped().known.since == USED

    kept.check(CLEAN)
    seen_off(kept, job="2" * 32)  # the stop of another job
    assert not clean_since_stop(kept.stopped())

    kept.check(CLEAN)
    with last_use.session(kept.paths, "app"):
        seen_off(kept)
    assert not clean_since_stop(kept.stopped())

    for report in (RISK, FAILED):
        kept.check(report)
        seen_off(kept)
        assert not clean_since_stop(kept.stopped())


@pytest.mark.parametrize("file", ["ha.stdout.log", "disk", "lima-version"])
def test_it_holds_no_longer_once_the_vm_ran_or_its_disk_was_written(kept: Kept, file: str) -> None:
    kept.check(CLEAN)
    seen_off(kept)
    path = Path(kept.instance.directory) / file
    path.unlink()
    path.write_text("another one\n")
    assert not clean_since_stop(kept.stopped())


def test_a_failed_check_after_that_stop_is_the_last_word(kept: Kept) -> None:
    kept.check(CLEAN)
    seen_off(kept)
    kept.check(FAILED)
    assert not clean_since_stop(kept.stopped())
    assert kept.stopped().known.is_doubted


def test_a_list_of_names_does_not_count_as_risk_where_there_is_none(kept: Kept) -> None:
    kept.check(replace(FAILED, repositories=(RepositoryReport(".", "worktree", untracked=Names()),)))
    assert kept.known.verdict is Verdict.CHECK_FAILED


def test_where_no_use_can_be_noted_no_report_is_the_last_word(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a `sudo dvm`: the note is root's, and what is done in the VM leaves no trace in it."""
    kept.check(CLEAN)  # it makes the folder
    last_use.touch(kept.paths, "app")
    kept.check(CLEAN)
    assert kept.verdict is Verdict.CLEAN
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # these tests may run as root
    assert kept.known.since == USED
    kept.check(CLEAN)
    assert kept.known.since == USED, "each moment may have been a use"


def test_two_sessions_may_be_the_first_at_the_same_time(tmp_path: Path) -> None:
    begun = [vm_use_marks.begin(str(tmp_path))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os.path, "isdir", lambda _path: False)  # as it looked to the second one
        begun.append(vm_use_marks.begin(str(tmp_path)))
    assert all(path and vm_use_marks.lives(path) for path, _ in begun)
    for one in begun:
        vm_use_marks.end(str(tmp_path), one)
