"""What needs the user's attention in all VMs: one module for each kind, one value for all of them."""

from __future__ import annotations

from dvmweb.verbs.attention import agents, changes, checks, disks, guests, idle, jobs, ports
from dvmweb.verbs.attention.item import Facts, Item, Todo

KINDS = (agents.items, guests.items, jobs.items, checks.items, ports.items, disks.items, idle.items, changes.items)

__all__ = ["Facts", "Item", "Todo", "items"]


def items(facts: Facts) -> tuple[Item, ...]:
    """Everything that needs attention, the most urgent kind first. Pure."""
    return tuple(item for kind in KINDS for item in kind(facts))
