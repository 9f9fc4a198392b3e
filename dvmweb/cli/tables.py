"""The tables that `dvm` prints."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from dvmweb.ages import age
from dvmweb.guest.agent import sandbox_report
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.records.known_work import IN_USE, RAN, USED, WorkStatus, verdict_text
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vm

GIB = 1 << 30
LEAST = ("RECIPES", "PORTS", "SIZE", "KIND")  # columns dropped on a narrow terminal, in this order
SINCE = {RAN: "has run since", USED: "used since", IN_USE: "in use now"}
NARROWEST = 20  # columns; on a narrower terminal nothing is cut


def as_json(facts: Sequence[dict[str, Any]]) -> None:
    """Print one array of objects."""
    json.dump(list(facts), sys.stdout, indent=2)
    print()


def terminal_width() -> int:
    """Columns of the terminal on stdout, 0 without one: then nothing is cut or wrapped."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return columns if columns >= NARROWEST else 0


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; on a terminal as many as fit, each row on one line."""
    for line in table_lines(head, rows, terminal_width()):
        print(line)


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table in `width` columns (0: no limit): whole columns are dropped first, then lines are cut."""
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
    """The lines broken at spaces to `width` columns (0: unchanged); continuation lines are indented."""
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
    """Head and rows of `dvm ls`; KIND, SANDBOX and PENDING are shown only if a VM has a value there."""
    head = ("NAME", "KIND", "STATE", "UNSAVED WORK", "SANDBOX", "PENDING", "SIZE", "PORTS", "RECIPES")
    rows = [
        (vm.name, kind(vm), state(vm), work(vm), sandbox_of(vm), pending(vm), size(vm), ports(vm), recipes(vm))
        for vm in vms
    ]
    optional = ("KIND", "SANDBOX", "PENDING")
    shown = [i for i, name in enumerate(head) if name not in optional or any(row[i] for row in rows)]
    return tuple(head[i] for i in shown), [tuple(row[i] for i in shown) for row in rows]


def terminal_rows(terminals: Sequence[TerminalFacts]) -> list[tuple[str, ...]]:
    """The rows of `dvm terminals`."""
    return [
        (one.id[:8], one.vm, visible(one.name, 40), one.state_in_words, _ago(one.age), _ago(one.idle), str(one.viewers))
        for one in terminals
    ]


def _ago(seconds: float) -> str:
    return age(0.0, seconds)


def state(vm: Vm) -> str:
    """The state of a VM; `Running` is never shown without whether it is reachable."""
    if vm.job is not None:
        return f"{vm.job.verb} running (job {vm.job.id[:8]})"
    protected = ", protected" if vm.instance is not None and vm.instance.protected else ""
    return _state(vm) + protected + _failed(vm)


def _failed(vm: Vm) -> str:
    """How the last job failed, unless it was a delete or a check."""
    if vm.failed is None:
        return ""
    job = vm.failed
    when = f" {age(job.ended)}" if job.ended else ""
    return f", last {job.verb} {job.outcome or job.state}{when}"


def _state(vm: Vm) -> str:
    if vm.kind != "managed":
        return f"{vm.kind} ({visible(vm.status, 20)})" if vm.status else vm.kind
    if vm.status != "Running":
        return visible(vm.status, 20) or "status not known"
    if vm.reach is None:
        return "Running, not checked"
    return f"{'reachable' if vm.reach.answered else 'Running, not reachable'} {age(vm.reach.at)}"


def work(vm: Vm) -> str:
    """The UNSAVED WORK column; a clean report that is stale is "not known"."""
    if vm.problem:
        return "config has errors"
    if vm.known is None:
        return "" if vm.kind != "managed" else "not checked"
    return known_words(vm.known)


def known_words(known: WorkStatus) -> str:
    """What is known of the unsaved work in a VM, in one line."""
    parts = ["not known"] if known.is_doubted else []
    parts.append(f"{verdict_text(known.main_report)} {age(known.main_report.checked_at)}")
    if known.since and known.has_worked:
        parts.append(SINCE[known.since])
    if known.failed is not None:
        parts.append(f"a later check failed, {age(known.failed.checked_at)}: {visible(known.failed.problems[0], 200)}")
    return "; ".join(parts)


def sandbox_of(vm: Vm) -> str:
    """The result of the last sandbox test; never "passed" without one."""
    stands = sandbox_report.standing(vm.sandbox, vm.made_of)
    words = {
        sandbox_report.PASSED: "passed",
        sandbox_report.FAILED: "FAILED",
        sandbox_report.UNKNOWN: "not known",
        sandbox_report.UNTESTED: "not tested",
    }
    tested = f" {age(vm.sandbox.at)}" if vm.sandbox else ""
    return f"{words[stands]}{tested}" if stands else ""


def pending(vm: Vm) -> str:
    """Changes of the config that are not applied yet: actual and wanted values."""
    return ", ".join(str(one) for one in vm.pending)


def kind(vm: Vm) -> str:
    """The service of the VM, "" for a project."""
    return vm.config.kind if vm.config and vm.config.is_service else ""


def size(vm: Vm) -> str:
    """cpus, memory and disk as configured."""
    cpus = vm.instance.cpus if vm.instance else vm.config.cpus if vm.config else 0
    memory = vm.instance.memory if vm.instance else vm.config.memory if vm.config else 0
    disk = vm.instance.disk if vm.instance else vm.config.disk if vm.config else 0
    return f"{cpus or '?'} cpu, {_gib(memory)}, {_gib(disk)}"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:g} GiB" if size_bytes else "?"


def ports(vm: Vm) -> str:
    """Host ports, with the guest port if it differs, and the state of those that do not lead to the VM."""
    return " ".join(f"{port.text} ({port.state})" if port.is_lost or port.is_late else port.text for port in vm.ports)


def port_notes(vm: Vm) -> list[str]:
    """Notes about ports that do not lead to the VM, or not yet."""
    return [
        f"{vm.name}: port {port.text}: {port.note}"
        for port in vm.ports
        if port.is_lost or port.is_late or port.met_first
    ]


def recipes(vm: Vm) -> str:
    """The recipes of the config."""
    return " ".join(vm.config.recipes) if vm.config else ""


def job_rows(jobs: Sequence[Job]) -> list[tuple[str, ...]]:
    """The rows of `dvm jobs`."""
    return [
        (job.id[:8], visible(job.about, 40), job.verb, job.outcome or job.state, age(job.created), _step(job))
        for job in jobs
    ]


def _step(job: Job) -> str:
    if job.failure is not None:
        return visible(job.failure.what.splitlines()[0], 80)
    running = [step.title for step in job.steps if step.state == "running"]
    return running[0] if running else ""
