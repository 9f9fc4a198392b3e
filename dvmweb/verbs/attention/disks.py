"""Disks that fill up: those of VMs, by the space that their files use on the host."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.lima.disk_use import in_words
from dvmweb.verbs.attention.item import EDIT, PROBLEMS, VM_PAGE, Facts, Item, Todo

FULL = 0.9  # of its size


def items(facts: Facts) -> Iterator[Item]:
    """One item for each VM whose disk file has grown to nine tenths of the disk."""
    for vm in facts.vms:
        used, size = facts.disks.get(vm.name, 0), vm.instance.disk if vm.instance is not None else 0
        if vm.kind != "managed" or not size or used < FULL * size:
            continue
        detail = "Files that were deleted in the guest can be part of it. A larger disk applies after a restart."
        title = f"The disk file has grown to {in_words(used)} of {in_words(size)}"
        yield Item(
            f"disk {vm.name} {used * 100 // size}", PROBLEMS, vm.name, title, detail, (Todo(EDIT), Todo(VM_PAGE))
        )
