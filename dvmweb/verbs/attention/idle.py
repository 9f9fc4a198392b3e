"""VMs that are not used and will be stopped soon, and those that were stopped for that."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.verbs.attention.item import BOOT, CHANGES, EDIT, KEEP, Facts, Item, Todo
from dvmweb.verbs.idle import seconds_left
from dvmweb.verbs.vm import Vm


def items(facts: Facts) -> Iterator[Item]:
    """One item for a VM whose stop is announced, or that was stopped and did not run since."""
    for vm in facts.vms:
        if vm.idle is None or vm.config is None or vm.job is not None:
            continue
        hours = f"{vm.config.idle_stop} h"
        if vm.status == "Running":
            yield from _announced(vm, hours, facts.now)
        elif vm.status == "Stopped" and vm.idle.job:
            detail = f"The config stops it after {hours} without use."
            title, since = f"Stopped: not used for {hours}", vm.idle.stopped_at
            yield Item(f"idle {vm.idle.job}", CHANGES, vm.name, title, detail, (Todo(BOOT), Todo(EDIT)), since)


def _announced(vm: Vm, hours: str, now: float) -> Iterator[Item]:
    if vm.idle is None or vm.config is None:
        return
    left = seconds_left(vm.idle, vm.config.idle_stop, now)
    if left is None:
        return
    key = f"idle {vm.name} {vm.idle.warned_at}"
    title, detail = f"Stops in about {max(1, round(left / 60))} min", f"Nothing has used it for almost {hours}."
    if vm.idle.problem:
        title, detail = "Not used, and not stopped", vm.idle.problem
    yield Item(key, CHANGES, vm.name, title, detail, (Todo(KEEP), Todo(EDIT)), vm.idle.warned_at)
