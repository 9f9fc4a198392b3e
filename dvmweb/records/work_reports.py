"""What is remembered of the work in a VM between two looks: its reports; never shown for another VM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict, could_not_look, from_json
from dvmweb.guest.unsaved_work.report import JSON_VERSION
from dvmweb.lima.booting import boot_mark
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.paths import Paths
from dvmweb.records import last_use
from dvmweb.records.known_work import IN_USE, RAN, USED, WorkStatus, with_found
from dvmweb.records.last_use import Use

VERSION = 2  # of work.json
MOST = 4_000_000  # bytes
UNREADABLE = "?"  # stands for the mark of a report that is damaged: shown as "could not look"
AHEAD = 60.0  # seconds that a clock may differ before a time is called unknown


@dataclass(frozen=True)
class Look:
    """One check as it is kept: by which job, in which run of the VM, and after which use of it."""

    report: UnsavedWorkReport
    job: str
    boot: str
    use: str  # uses.Use.mark from before the question was put
    end: str = ""  # a stop followed, and nothing was done in between: the mark of the disk behind it, else ""


@dataclass(frozen=True)
class StoredWork:
    """The last whole report, and the newest check where that failed; at least one of them."""

    good: Look | None
    failed: Look | None

    @property
    def shown(self) -> Look:
        """What is told first."""
        look = self.good or self.failed
        assert look is not None  # noqa: S101
        return look


def write(paths: Paths, vm: str, instance: Instance | None, job: str, report: UnsavedWorkReport, use: str = "") -> None:
    """Keep a report about this very instance; one of a failed check beside the last whole one.

    `use`: the mark of the last use of the VM, from before the question was put.
    """
    new = Look(report, job, boot_mark(instance.directory) if instance else "", use)
    with _held(paths, vm):
        if report.verdict is not Verdict.COULD_NOT_LOOK:
            _write(paths, vm, instance, StoredWork(new, None))
            return
        before = read(paths, vm, instance)
        if before is not None and before.failed is not None:
            new = replace(new, report=with_found(report, before.failed.report))
        _write(paths, vm, instance, StoredWork(before.good if before else None, new))


@contextmanager
def _held(paths: Paths, vm: str) -> Iterator[None]:
    """Hold the lock on the record: a job and a dashboard can check at the same time."""
    lock = files.wait_lock(files.private_folder(paths.vm_state(vm)) / "work.lock")
    try:
        yield
    finally:
        lock.release()


def note_end(paths: Paths, vm: str, instance: Instance | None, job: str, use: Use) -> None:
    """The job that looked has stopped the VM: where it was not used since, its report is about the VM as it lies there.

    `use`: as it was when the stop began.
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
        **{name: _look_facts(look) for name, look in (("good", known.good), ("failed", known.failed))},
    }
    folder = files.private_folder(paths.vm_state(vm))
    files.write_whole(folder / "work.json", json.dumps(facts).encode("ascii"))


def _look_facts(look: Look | None) -> dict[str, object] | None:
    return {**vars(look), "report": look.report.to_json()} if look is not None else None


def read(paths: Paths, vm: str, instance: Instance | None) -> StoredWork | None:
    """The record of this very instance; None if it was not checked since it was created."""
    found = _read(paths, vm)
    if found is None or instance is None or found[1] not in (birth_mark(instance), UNREADABLE):
        return None
    return found[0]


def known(paths: Paths, vm: str, instance: Instance | None) -> WorkStatus | None:
    """What is known of the work in this very instance, with what came after it."""
    stored = read(paths, vm, instance)
    if stored is None:
        return None
    failed = stored.failed.report if stored.good is not None and stored.failed is not None else None
    return WorkStatus(stored.shown.report, failed, _since(paths, vm, stored.shown, instance))


def is_settled(paths: Paths, vm: str, instance: Instance | None) -> bool:
    """Say whether the last check was whole and nothing was done since: only then another one would say the same."""
    found = known(paths, vm, instance)
    return found is not None and found.has_worked and found.failed is None and not found.since


def _since(paths: Paths, vm: str, look: Look, instance: Instance | None) -> str:
    """What came after a look."""
    if instance is None or look.boot != boot_mark(instance.directory):
        return RAN
    if look.end and instance.status == "Stopped":
        return "" if look.end == _disk_mark(instance) else RAN
    use = last_use.read(paths, vm)
    return IN_USE if use.is_now else USED if use.mark != look.use else ""


def _disk_mark(instance: Instance) -> str:
    """What changes when the disk of a stopped VM is written, as by a snapshot that is put back."""
    marks = []
    for name in ("disk", "diffdisk"):
        with suppress(OSError):
            facts = (Path(instance.directory) / name).stat()
            marks.append(f"{facts.st_size}:{facts.st_mtime_ns}")
    return " ".join(marks) or "-"


def holds(paths: Paths, vm: str, instance: Instance | None) -> StoredWork | None:
    """The clean report of a stopped VM by which a delete may go without another look, None where there is none.

    The job that stopped the VM made it; the VM was not used in between, and has not run since.
    """
    found = read(paths, vm, instance)
    good = found.good if found is not None and found.failed is None else None
    if good is None or instance is None or instance.status != "Stopped" or not (good.end and good.boot):
        return None
    is_clean = good.report.verdict is Verdict.CLEAN and not _since(paths, vm, good, instance)
    return found if is_clean else None


def of_job(paths: Paths, vm: str, job: str) -> UnsavedWorkReport | None:
    """The report that this job made, None where it made none."""
    found = _read(paths, vm)
    looks = (found[0].failed, found[0].good) if found is not None else ()
    return next((look.report for look in looks if look is not None and look.job == job), None)


def _read(paths: Paths, vm: str) -> tuple[StoredWork, str] | None:
    """What is stored, with the mark of the instance that it is about."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / "work.json", MOST))
        if facts["version"] == 1:
            facts = _of_an_older_dvm(facts)
        elif facts["version"] != VERSION:
            raise ValueError("version")
        good, failed = (_look(facts[name]) if facts[name] is not None else None for name in ("good", "failed"))
        if good is None and failed is None:
            raise ValueError("nothing")
        return StoredWork(good, failed), str(facts["mark"])
    except FileNotFoundError:
        return None
    except (DvmError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        damaged = Look(could_not_look("the stored report cannot be read"), "", "", "")
        return StoredWork(None, damaged), UNREADABLE


def _of_an_older_dvm(facts: Mapping[str, object]) -> Mapping[str, object]:
    """What was found at risk before the check understood all that it does now; of its clean reports nothing is kept."""
    report = json.loads(str(facts["report"]))
    if report["verdict"] != Verdict.AT_RISK.value:
        raise ValueError("version")
    newer = {"version": JSON_VERSION, "unseen": [], "outside": {"count": 0, "names": []}, "is_outside_cut": False}
    return {**facts, "good": {**facts, "report": json.dumps(report | newer)}, "failed": None}


def _look(facts: Mapping[str, object]) -> Look:
    boot, use = str(facts.get("boot", "")), str(facts.get("use", ""))
    return Look(from_json(str(facts["report"])), str(facts["job"]), boot, use, str(facts.get("end", "")))


def is_older(at: float, seconds: float, now: float) -> bool:
    """Say whether something that was seen at `at` is too old; a time that lies ahead (the clock was set back) is."""
    return not -AHEAD <= now - at < seconds


def age(at: float, now: float | None = None) -> str:
    """How long ago, in words; a time that lies ahead (the clock was set back) is not known."""
    seconds = (time.time() if now is None else now) - at
    if seconds < -AHEAD:
        return "at an unknown time"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"
