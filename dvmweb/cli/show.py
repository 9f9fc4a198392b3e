"""Words for people: the tables and reports that `dvm` prints."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from dvmweb import wall
from dvmweb.guest_text import visible
from dvmweb.jobs.journal import Job
from dvmweb.jobs.stored import age
from dvmweb.terminals.client import TerminalFacts
from dvmweb.vms import Vm

GIB = 1 << 30
LEAST = ("RECIPES", "PORTS", "SIZE", "KIND")  # columns that go where the terminal is too narrow, this one first
NARROWEST = 20  # columns of a terminal below which nothing is cut


def as_json(facts: Sequence[dict[str, Any]]) -> None:
    """Print one array of objects."""
    json.dump(list(facts), sys.stdout, indent=2)
    print()


def terminal_width() -> int:
    """Columns of the terminal that stdout is, 0 where it is none: then nothing is cut or wrapped."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return columns if columns >= NARROWEST else 0


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; on a terminal as many as fit, each row on one line."""
    for line in table_lines(head, rows, terminal_width()):
        print(line)


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table in `width` columns (0: no limit): first whole columns go, then the ends of lines."""
    shown = list(range(len(head)))
    lines = _aligned(head, rows, shown)
    for name in LEAST:
        if width and max(map(len, lines)) > width and name in head:
            shown.remove(head.index(name))
            lines = _aligned(head, rows, shown)
    return [f"{line[: width - 1]}…" if width and len(line) > width else line for line in lines]


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int]) -> list[str]:
    widths = {i: max(len(row[i]) for row in (head, *rows)) for i in shown}
    return ["  ".join(row[i].ljust(widths[i]) for i in shown).rstrip() for row in (head, *rows)]


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """The lines broken at spaces to `width` columns (0: as they are); what goes on is indented below its line."""
    found: list[str] = []
    for line in lines:
        if width and len(line) > width:
            margin = " " * (len(line) - len(line.lstrip()) + 2)
            found += textwrap.wrap(
                line,
                width,
                subsequent_indent=margin,
                replace_whitespace=False,
                break_long_words=False,
                break_on_hyphens=False,
            )
        else:
            found.append(line)
    return found


def vm_table(vms: Sequence[Vm]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and lines of `dvm ls`; kind and wall have a column where some VM is a service, or has agents."""
    head = ("NAME", "KIND", "STATE", "WORK AT RISK", "WALL", "SIZE", "PORTS", "RECIPES")
    rows = [(vm.name, kind(vm), state(vm), work(vm), wall_of(vm), size(vm), ports(vm), recipes(vm)) for vm in vms]
    shown = [i for i, name in enumerate(head) if name not in ("KIND", "WALL") or any(row[i] for row in rows)]
    return tuple(head[i] for i in shown), [tuple(row[i] for i in shown) for row in rows]


def terminal_rows(terminals: Sequence[TerminalFacts]) -> list[tuple[str, ...]]:
    """The lines of `dvm terminals`."""
    return [
        (one.id[:8], one.vm, visible(one.name, 40), one.state_in_words, _ago(one.age), _ago(one.idle), str(one.viewers))
        for one in terminals
    ]


def _ago(seconds: float) -> str:
    return age(0.0, seconds)


def state(vm: Vm) -> str:
    """Which word stands for the VM; `Running` is never said without whether it answered."""
    if vm.job is not None:
        return f"{vm.job.verb} runs (job {vm.job.id[:8]})"
    if vm.kind != "managed":
        return f"{vm.kind} ({visible(vm.status, 20)})" if vm.status else vm.kind
    if vm.status != "Running":
        return visible(vm.status, 20) or "unknown to Lima"
    if vm.reach is None:
        return "Running, not asked"
    return f"{'reachable' if vm.reach.answered else 'Running, not reachable'} {age(vm.reach.at)}"


def work(vm: Vm) -> str:
    """The work line: never "nothing at risk" where nobody could look."""
    if vm.problem:
        return "config has errors"
    if vm.work is None:
        return "" if vm.kind != "managed" else "not looked"
    return f"{vm.work.summary()} {age(vm.work.looked_at)}"


def wall_of(vm: Vm) -> str:
    """How the wall around its agents stood; never "holds" where it was not tested."""
    stands = wall.standing(vm.wall, vm.made_of)
    words = {wall.HOLDS: "holds", wall.HOLE: "HAS A HOLE", wall.UNKNOWN: "not known", wall.UNTESTED: "not tested"}
    tested = f" {age(vm.wall.at)}" if vm.wall else ""
    return f"{words[stands]}{tested}" if stands else ""


def kind(vm: Vm) -> str:
    """Which service the VM is, "" for a project's."""
    return vm.config.kind if vm.config and vm.config.is_service else ""


def size(vm: Vm) -> str:
    """cpus, memory and disk as configured."""
    cpus = vm.instance.cpus if vm.instance else vm.config.cpus if vm.config else 0
    memory = vm.instance.memory if vm.instance else vm.config.memory if vm.config else 0
    disk = vm.instance.disk if vm.instance else vm.config.disk if vm.config else 0
    return f"{cpus or '?'} cpu {_gib(memory)} {_gib(disk)}"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:g}GiB" if size_bytes else "?"


def ports(vm: Vm) -> str:
    """Host ports, with the guest's where it differs."""
    declared = vm.config.ports if vm.config else ()
    return " ".join(
        str(p.host_port) if p.host_port == p.guest_port else f"{p.host_port}:{p.guest_port}" for p in declared
    )


def recipes(vm: Vm) -> str:
    """The recipes of the config."""
    return " ".join(vm.config.recipes) if vm.config else ""


def job_rows(jobs: Sequence[Job]) -> list[tuple[str, ...]]:
    """The lines of `dvm jobs`."""
    return [(job.id[:8], visible(job.about, 40), job.verb, job.state, age(job.created), _step(job)) for job in jobs]


def _step(job: Job) -> str:
    if job.failure is not None:
        return visible(job.failure.what.splitlines()[0], 80)
    running = [step.title for step in job.steps if step.state == "running"]
    return running[0] if running else ""
