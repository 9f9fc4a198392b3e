"""Stores the last status of each guest: whether it responded in this boot, its CPU and memory use, and its pace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest import state
from dvmweb.lima import deadlines
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import DEADLINE, Finished
from dvmweb.names import instance_name
from dvmweb.paths import Paths

VERSION = 1  # of reach.json
MOST = 4_000_000  # bytes


@dataclass(frozen=True)
class GuestStatus:
    """The result of the last question to a guest in this boot."""

    answered: bool
    at: float  # seconds since the epoch
    cpu: int | None = None  # percent of all its processors since the previous answer; None if not known
    memory: int | None = None  # bytes in use
    applied: tuple[str, ...] = ()  # the recipes that the guest reported as done
    last_answer: float = 0.0  # time of its last answer in this boot; 0 for none


def write(
    paths: Paths,
    vm: str,
    instance: Instance | None,
    *,
    is_answered: bool,
    use: state.Use | None = None,
    applied: Iterable[str] | None = None,
    question: Finished | None = None,
) -> None:
    """Store whether the guest responded; a boot is identified by its host agent.

    `question`: the command that put it; the time until its answer began gives the pace of this boot.
    `applied`: the recipes that are done; None if it was not asked for them, and then the stored ones stay.
    """
    agent = instance.host_agent_pid if instance else 0
    facts: dict[str, object] = {"version": VERSION, "answered": is_answered, "at": time.time()}
    facts["host_agent_pid"] = agent
    before = _facts(paths, vm, instance) or {}
    facts["pace"] = _pace_after(question, _pace(before), is_answered=is_answered)
    facts["applied"] = sorted(applied) if applied is not None else before.get("applied")
    facts["last_answer"] = facts["at"] if is_answered else before.get("last_answer", 0.0)
    if use is None:  # keep the counters for the next answer
        facts |= {name: before[name] for name in ("busy", "ticks") if name in before}
    else:
        facts |= {"busy": use.busy, "ticks": use.ticks, "memory": use.memory_used}
        facts["cpu"] = _percent(before.get("busy"), before.get("ticks"), use)
    folder = files.private_folder(paths.vm_state(vm))
    files.write_whole(folder / "reach.json", json.dumps(facts).encode())


def pace(paths: Paths, vm: str, instance: Instance | None) -> float:
    """How many times slower than usual this boot responds; 1 if it was not measured."""
    return _pace(_facts(paths, vm, instance) or {})


def pace_now(paths: Paths, vm: str) -> float:
    """The pace of the current boot, which is identified by Lima's PID file; for callers without a listing."""
    with suppress(OSError, ValueError, DvmError):
        folder = paths.lima_home / instance_name(vm)
        return pace(paths, vm, Instance(folder.name, "", host_agent_pid=int(files.read_bounded(folder / "ha.pid", 20))))
    return 1.0


def _pace(facts: Mapping[str, object]) -> float:
    known = facts.get("pace")
    return float(known) if isinstance(known, int | float) and 1 <= known <= deadlines.SLOWEST else 1.0


def _pace_after(question: Finished | None, before: float, *, is_answered: bool) -> float:
    if question is None:
        return before
    if not is_answered:
        return deadlines.slower(before) if question.ended == DEADLINE else before
    return deadlines.pace(question.began_after, before)


def _percent(busy: object, ticks: object, use: state.Use) -> int | None:
    """The use of its processors since an earlier answer of the same boot, in percent."""
    if not (isinstance(busy, int) and isinstance(ticks, int)) or not (ticks < use.ticks and busy <= use.busy):
        return None
    return min(100, round(100 * (use.busy - busy) / (use.ticks - ticks)))


def read(paths: Paths, vm: str, instance: Instance | None) -> GuestStatus | None:
    """The stored status of this boot; None if there is none, or the VM is not running."""
    facts = _facts(paths, vm, instance)
    if facts is None or instance is None or instance.status != "Running":
        return None
    at, cpu, memory = facts.get("at"), facts.get("cpu"), facts.get("memory")
    if not isinstance(at, int | float) or not 0 <= at < 1e12:
        return None
    cpu, memory = (number if isinstance(number, int) else None for number in (cpu, memory))
    applied = facts.get("applied")
    names = tuple(str(name) for name in applied) if isinstance(applied, list) else ()
    answer = facts.get("last_answer")
    last = float(answer) if isinstance(answer, int | float) and 0 <= answer < 1e12 else 0.0
    return GuestStatus(facts.get("answered") is True, float(at), cpu, memory, names, last)


def _facts(paths: Paths, vm: str, instance: Instance | None) -> dict[str, object] | None:
    """The stored fields of this boot, None for another boot."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / "reach.json", MOST))
    except (FileNotFoundError, DvmError, ValueError, RecursionError):
        return None
    if instance is None or not isinstance(facts, dict) or facts.get("host_agent_pid") != instance.host_agent_pid:
        return None
    return facts
