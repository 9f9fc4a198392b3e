"""What is remembered of a VM between two looks: its work report and whether it answered; never shown for another VM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest_state import Use
from dvmweb.lima.booting import boot_mark
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.paths import Paths
from dvmweb.work import WorkReport, could_not_look, from_json

VERSION = 1
MOST = 4_000_000  # bytes
UNREADABLE = "?"  # stands for the mark of a report that is damaged: shown as "could not look"
AHEAD = 60.0  # seconds that a clock may differ before a time is called unknown


@dataclass(frozen=True)
class StoredWork:
    """The last report, and the job that made it."""

    report: WorkReport
    job: str
    boot: str = ""  # the run of the VM in which it was made


@dataclass(frozen=True)
class Reach:
    """Whether the guest answered when it was last asked, in this boot, and what it said of its cpu and memory."""

    answered: bool
    at: float  # seconds since the epoch
    cpu: int | None = None  # percent of all its processors since the answer before; None where nobody knows
    memory: int | None = None  # bytes in use
    applied: tuple[str, ...] = ()  # the recipes that the guest said are done


def write(paths: Paths, vm: str, instance: Instance | None, job: str, report: WorkReport) -> None:
    """Keep a report about this very instance."""
    mark = birth_mark(instance) if instance else ""
    boot = boot_mark(instance.directory) if instance else ""
    facts = {"version": VERSION, "mark": mark, "boot": boot, "job": job, "report": report.to_json()}
    folder = files.private_folder(paths.vm_state(vm))
    files.write_whole(folder / "work.json", json.dumps(facts).encode("ascii"))


def read(paths: Paths, vm: str, instance: Instance | None) -> StoredWork | None:
    """The last report about this very instance; None where nobody has looked since it was made."""
    found = _read(paths, vm)
    if found is None or instance is None or found[1] not in (birth_mark(instance), UNREADABLE):
        return None
    return found[0]


def has_run_since(known: StoredWork | None, instance: Instance | None) -> bool:
    """Say whether a stopped VM has run again since it was looked into: somebody started it past dvm."""
    if known is None or instance is None or instance.status != "Stopped":
        return False
    return known.boot != boot_mark(instance.directory)


def of_job(paths: Paths, vm: str, job: str) -> WorkReport | None:
    """The report that this job made, None where it made none."""
    found = _read(paths, vm)
    return found[0].report if found is not None and found[0].job == job else None


def _read(paths: Paths, vm: str) -> tuple[StoredWork, str] | None:
    """What is stored, with the mark of the instance that it is about."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / "work.json", MOST))
        if facts["version"] != VERSION:
            raise ValueError("version")
        found = StoredWork(from_json(str(facts["report"])), str(facts["job"]), str(facts.get("boot", "")))
        return found, str(facts["mark"])
    except FileNotFoundError:
        return None
    except (DvmError, ValueError, KeyError, TypeError, RecursionError):
        return StoredWork(could_not_look("the stored report cannot be read"), ""), UNREADABLE


def write_reach(
    paths: Paths,
    vm: str,
    instance: Instance | None,
    *,
    is_answered: bool,
    use: Use | None = None,
    applied: Iterable[str] | None = None,
) -> None:
    """Remember when this boot of the VM answered last; another boot is another host agent.

    `applied`: the recipes that are done; None where it was not asked, then what was known in this boot stays.
    """
    agent = instance.host_agent_pid if instance else 0
    facts: dict[str, object] = {"version": VERSION, "answered": is_answered, "at": time.time(), "host_agent_pid": agent}
    before = _reach_facts(paths, vm, instance) or {}
    facts["applied"] = sorted(applied) if applied is not None else before.get("applied")
    if use is not None:
        facts |= {"busy": use.busy, "ticks": use.ticks, "memory": use.memory_used}
        facts["cpu"] = _percent(before.get("busy"), before.get("ticks"), use)
    folder = files.private_folder(paths.vm_state(vm))
    files.write_whole(folder / "reach.json", json.dumps(facts).encode())


def _percent(busy: object, ticks: object, use: Use) -> int | None:
    """How busy its processors were since an earlier answer of the same boot."""
    if not (isinstance(busy, int) and isinstance(ticks, int)) or not (ticks < use.ticks and busy <= use.busy):
        return None
    return min(100, round(100 * (use.busy - busy) / (use.ticks - ticks)))


def read_reach(paths: Paths, vm: str, instance: Instance | None) -> Reach | None:
    """What is remembered of this boot; an answer of an earlier boot says nothing."""
    facts = _reach_facts(paths, vm, instance)
    if facts is None or instance is None or instance.status != "Running":
        return None
    at, cpu, memory = facts.get("at"), facts.get("cpu"), facts.get("memory")
    if not isinstance(at, int | float) or not 0 <= at < 1e12:
        return None
    cpu, memory = (number if isinstance(number, int) else None for number in (cpu, memory))
    applied = facts.get("applied")
    names = tuple(str(name) for name in applied) if isinstance(applied, list) else ()
    return Reach(facts.get("answered") is True, float(at), cpu, memory, names)


def _reach_facts(paths: Paths, vm: str, instance: Instance | None) -> dict[str, object] | None:
    """What is stored of this boot."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / "reach.json", MOST))
    except (FileNotFoundError, DvmError, ValueError, RecursionError):
        return None
    if instance is None or not isinstance(facts, dict) or facts.get("host_agent_pid") != instance.host_agent_pid:
        return None
    return facts


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
