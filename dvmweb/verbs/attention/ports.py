"""Declared ports that another program on the host has."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.verbs.attention.item import PORTS, PROBLEMS, Facts, Item, Todo


def items(facts: Facts) -> Iterator[Item]:
    """One item for each port that does not lead to its VM although the config declares it."""
    for vm in facts.vms:
        for port in vm.ports:
            if port.is_lost:
                key = f"port {vm.name} {port.text} {port.note}"
                title = f"Port {port.host_port} does not lead to the VM"
                yield Item(key, PROBLEMS, vm.name, title, port.note[:1].upper() + port.note[1:], (Todo(PORTS),))
