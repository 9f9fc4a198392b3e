"""VMs that do not respond, that Lima reports as broken, or whose config has errors."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.guest_text import in_prose, visible
from dvmweb.states import refusal
from dvmweb.verbs.attention.item import EDIT, LOG, PROBLEMS, START, VM_PAGE, Facts, Item, Todo
from dvmweb.verbs.vm import Vm, facts_of_listing

PLAIN = ("Running", "Stopped")  # statuses of an instance that can be used


def items(facts: Facts) -> Iterator[Item]:
    """At most one item for each VM: the one to solve first."""
    for vm in facts.vms:
        if vm.kind == "unmanaged" or vm.job is not None:
            continue
        found = _config(vm) or _instance(vm) or _silent(vm)
        if found is not None:
            yield found


def _config(vm: Vm) -> Item | None:
    if not vm.problem:
        return None
    first = in_prose(vm.problem.splitlines()[0], 200)
    return Item(f"config {vm.name} {vm.problem}", PROBLEMS, vm.name, "The config has errors", first, (Todo(EDIT),))


def _instance(vm: Vm) -> Item | None:
    if vm.instance is None or vm.status in PLAIN:
        return None
    error = refusal("start", facts_of_listing(vm))
    if error is None:  # it starts or stops
        return None
    status = visible(vm.status, 30) or "Not readable by Lima"
    return Item(
        f"instance {vm.name} {status} {vm.job_ended}",
        PROBLEMS,
        vm.name,
        status,
        in_prose(error.what, 200),
        (Todo(VM_PAGE), Todo(LOG)),
    )


def _silent(vm: Vm) -> Item | None:
    """A running VM that did not respond to the last check."""
    if vm.status != "Running" or vm.reach is None or vm.reach.answered:
        return None
    key = f"silent {vm.name} {vm.reach.last_answer}"
    detail = "It is running, and the guest did not respond to the last check."
    return Item(key, PROBLEMS, vm.name, "Not reachable", detail, (Todo(LOG), Todo(START)), vm.reach.last_answer)
