"""Words for people: the tables and reports that `dvm` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from dvmweb.guest_text import visible
from dvmweb.jobs.journal import Job
from dvmweb.jobs.stored import age
from dvmweb.vms import Vm

GIB = 1 << 30


def as_json(facts: Sequence[dict[str, Any]]) -> None:
    """Print one array of objects."""
    json.dump(list(facts), sys.stdout, indent=2)
    print()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; the last one is not padded."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def vm_rows(vms: Sequence[Vm]) -> list[tuple[str, ...]]:
    """The lines of `dvm ls`."""
    return [(vm.name, state(vm), work(vm), size(vm), ports(vm), recipes(vm)) for vm in vms]


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
    return [(job.id[:8], job.vm, job.verb, job.state, age(job.created), _step(job)) for job in jobs]


def _step(job: Job) -> str:
    if job.failure is not None:
        return visible(job.failure.what.splitlines()[0], 80)
    running = [step.title for step in job.steps if step.state == "running"]
    return running[0] if running else ""
