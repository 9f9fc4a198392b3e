"""Stores the reports on unsaved work of each VM: the last complete one, and a later check that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict, failed_report, from_json
from dvmweb.guest.unsaved_work.report import JSON_VERSION, OLD_VERDICT
from dvmweb.lima.booting import boot_mark
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.paths import Paths
from dvmweb.records import last_use
from dvmweb.records.known_work import IN_USE, RAN, USED, WorkStatus, with_found
from dvmweb.records.last_use import Use

VERSION = 2  # of work.json
MOST = 4_000_000  # bytes
UNREADABLE = "?"  # the birth mark of a damaged file: it is shown as a failed check


@dataclass(frozen=True)
class StoredCheck:
    """One check as it is stored."""

    report: UnsavedWorkReport
    job: str  # the id of the job that checked, "" for a check outside of jobs
    boot: str  # the mark of the boot in which it was made
    use: str  # last_use.Use.mark from before the check
    end: str = ""  # the mark of the disk after a stop that followed without a use in between, else ""


@dataclass(frozen=True)
class StoredWork:
    """The last complete report, and the newest check if it failed; at least one of them."""

    good: StoredCheck | None
    failed: StoredCheck | None

    @property
    def shown(self) -> StoredCheck:
        """The complete report if there is one, else the failed check."""
        check = self.good or self.failed
        assert check is not None  # noqa: S101
        return check


def write(paths: Paths, vm: str, instance: Instance | None, job: str, report: UnsavedWorkReport, use: str = "") -> None:
    """Store a report on this instance. A failed check is stored beside the last complete report.

    `use`: the mark of the last use of the VM, read before the check.
    """
    new = StoredCheck(report, job, boot_mark(instance.directory) if instance else "", use)
    with _held(paths, vm):
        if report.verdict is not Verdict.CHECK_FAILED:
            _write(paths, vm, instance, StoredWork(new, None))
            return
        before = read(paths, vm, instance)
        if before is not None and before.failed is not None:
            new = replace(new, report=with_found(report, before.failed.report))
        _write(paths, vm, instance, StoredWork(before.good if before else None, new))


@contextmanager
def _held(paths: Paths, vm: str) -> Iterator[None]:
    """Lock the record: a job and the dashboard can check at the same time."""
    lock = files.wait_lock(files.private_folder(paths.vm_state(vm)) / "work.lock")
    try:
        yield
    finally:
        lock.release()


def note_end(paths: Paths, vm: str, instance: Instance | None, job: str, use: Use) -> None:
    """Note that `job` stopped the VM after its check. If the VM was not used in between, its report stays valid.

    `use`: the last use of the VM when the stop began.
    """
    with _held(paths, vm):
        found = read(paths, vm, instance)
        good = found.good if found is not None and found.failed is None else None
        if good is not None and instance is not None and good.job == job and good.use == use.mark and not use.is_now:
            _write(paths, vm, instance, StoredWork(replace(good, end=_disk_mark(instance)), None))


def _write(paths: Paths, vm: str, instance: Instance | None, known: StoredWork) -> None:
    facts = {
        "version": VERSION,
        "mark": birth_mark(instance) if instance else "",
        **{name: _check_facts(check) for name, check in (("good", known.good), ("failed", known.failed))},
    }
    folder = files.private_folder(paths.vm_state(vm))
    files.write_whole(folder / "work.json", json.dumps(facts).encode("ascii"))


def _check_facts(check: StoredCheck | None) -> dict[str, object] | None:
    return {**vars(check), "report": check.report.to_json()} if check is not None else None


def read(paths: Paths, vm: str, instance: Instance | None) -> StoredWork | None:
    """The stored reports of this instance; None if it was not checked since it was created."""
    found = _read(paths, vm)
    if found is None or instance is None or found[1] not in (birth_mark(instance), UNREADABLE):
        return None
    return found[0]


def known(paths: Paths, vm: str, instance: Instance | None) -> WorkStatus | None:
    """What is known of the unsaved work in this instance; None if it was never checked."""
    stored = read(paths, vm, instance)
    if stored is None:
        return None
    failed = stored.failed.report if stored.good is not None and stored.failed is not None else None
    return WorkStatus(stored.shown.report, failed, _since(paths, vm, stored.shown, instance))


def is_settled(paths: Paths, vm: str, instance: Instance | None) -> bool:
    """Whether the last check was complete and the VM was not used since: another check would find the same."""
    found = known(paths, vm, instance)
    return found is not None and found.has_worked and found.failed is None and not found.since


def _since(paths: Paths, vm: str, check: StoredCheck, instance: Instance | None) -> str:
    """What happened after a check: RAN, IN_USE, USED, or "" for nothing."""
    if instance is None or check.boot != boot_mark(instance.directory):
        return RAN
    if check.end and instance.status == "Stopped":
        return "" if check.end == _disk_mark(instance) else RAN
    use = last_use.read(paths, vm)
    return IN_USE if use.is_now else USED if use.mark != check.use else ""


def _disk_mark(instance: Instance) -> str:
    """Size and time of the disk files: they change if a stopped VM's disk is written, for example by a snapshot."""
    marks = []
    for name in ("disk", "diffdisk"):
        with suppress(OSError):
            facts = (Path(instance.directory) / name).stat()
            marks.append(f"{facts.st_size}:{facts.st_mtime_ns}")
    return " ".join(marks) or "-"


def clean_since_stop(paths: Paths, vm: str, instance: Instance | None) -> StoredWork | None:
    """The clean report of a stopped VM that makes another check before a delete unnecessary; None if there is none.

    It was made by the job that stopped the VM, which was not used in between and has not run since.
    """
    found = read(paths, vm, instance)
    good = found.good if found is not None and found.failed is None else None
    if good is None or instance is None or instance.status != "Stopped" or not (good.end and good.boot):
        return None
    is_clean = good.report.verdict is Verdict.CLEAN and not _since(paths, vm, good, instance)
    return found if is_clean else None


def of_job(paths: Paths, vm: str, job: str) -> UnsavedWorkReport | None:
    """The report that this job made, None if it made none."""
    found = _read(paths, vm)
    checks = (found[0].failed, found[0].good) if found is not None else ()
    return next((check.report for check in checks if check is not None and check.job == job), None)


def _read(paths: Paths, vm: str) -> tuple[StoredWork, str] | None:
    """The stored reports and the birth mark of their instance; None if there is no file."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / "work.json", MOST))
        if facts["version"] == 1:
            facts = _from_version_1(facts)
        elif facts["version"] != VERSION:
            raise ValueError("version")
        good, failed = (_check(facts[name]) if facts[name] is not None else None for name in ("good", "failed"))
        if good is None and failed is None:
            raise ValueError("nothing")
        return StoredWork(good, failed), str(facts["mark"])
    except FileNotFoundError:
        return None
    except (DvmError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        damaged = StoredCheck(failed_report("the stored report cannot be read"), "", "", "")
        return StoredWork(None, damaged), UNREADABLE


def _from_version_1(facts: Mapping[str, object]) -> Mapping[str, object]:
    """The current form of a version 1 file. Its clean reports are rejected: that check ignored unknown layouts."""
    report = json.loads(str(facts["report"]))
    if report["verdict"] != OLD_VERDICT:
        raise ValueError("version")
    newer = {"version": JSON_VERSION, "unseen": [], "outside": {"count": 0, "names": []}, "is_outside_cut": False}
    return {**facts, "good": {**facts, "report": json.dumps(report | newer)}, "failed": None}


def _check(facts: Mapping[str, object]) -> StoredCheck:
    boot, use = str(facts.get("boot", "")), str(facts.get("use", ""))
    return StoredCheck(from_json(str(facts["report"])), str(facts["job"]), boot, use, str(facts.get("end", "")))
