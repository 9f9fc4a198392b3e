"""What is newer than the VM: changed recipes, and values of the config that are not applied."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.guest_text import visible
from dvmweb.verbs.attention.item import CHANGES, EDIT, RECIPE, SYNC, SYNC_RESTART, Facts, Item, Todo
from dvmweb.verbs.recipes.usage import CHANGED
from dvmweb.verbs.vm import Vm

MOST = 4  # names in a detail


def items(facts: Facts) -> Iterator[Item]:
    """For each VM without a running job: its changed recipes, and its pending values."""
    changed: dict[str, list[str]] = {}
    for recipe, uses in sorted(facts.uses.items()):
        for use in uses:
            if use.standing.word == CHANGED:
                changed.setdefault(use.vm, []).append(recipe)
    for vm in facts.vms:
        if vm.kind != "managed" or vm.job is not None:
            continue
        if found := changed.get(vm.name):
            yield _recipes(vm.name, found)
        if vm.pending:
            what = visible("; ".join(vm.pending_lines), 200)
            key = f"config {vm.name} {what}"
            yield Item(key, CHANGES, vm.name, "The config differs from the VM", what, _todos(vm))


def _todos(vm: Vm) -> tuple[Todo, ...]:
    """What applies its differences. A sync with one that is not possible is refused, and one for a new VM it skips."""
    from dvmweb.lima.lima_yaml.differences import NEVER, RESTART

    ways = {one.way for one in vm.pending}
    if RESTART not in ways or NEVER in ways:
        return (Todo(EDIT),)
    return (Todo(SYNC_RESTART if vm.status == "Running" else SYNC), Todo(EDIT))


def _recipes(vm: str, found: list[str]) -> Item:
    names = ", ".join(found[:MOST]) + (f" and {len(found) - MOST} more" if len(found) > MOST else "")
    title = "1 recipe has changed" if len(found) == 1 else f"{len(found)} recipes have changed"
    key = f"recipes {vm} {' '.join(found)}"
    return Item(key, CHANGES, vm, title, f"{names}: changed since the last sync", (Todo(SYNC), Todo(RECIPE, found[0])))
