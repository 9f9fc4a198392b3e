"""The values of the list *Needs attention*: what is known, one item of the list, and what the user can do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dvmweb.records.agent_turns import Turn
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.recipes.usage import Use
from dvmweb.verbs.vm import Vm

AGENTS, PROBLEMS, CHANGES = "agents", "problems", "changes"  # the groups

# What can be done about an item; `target` is what each of them needs beside the VM.
TERMINAL, VM_PAGE, RECIPE, PORTS, LOG, CHECKPOINTS = "terminal", "vm", "recipe", "ports", "log", "checkpoints"
JOB, AGAIN, CHECK, START, EDIT, SYNC, SYNC_RESTART = "job", "again", "check", "start", "edit", "sync", "sync-restart"
KEEP, BOOT = "keep", "boot"


@dataclass(frozen=True)
class Todo:
    """One thing that the user can do about an item."""

    act: str  # one of the constants above
    target: str = ""  # the id of a terminal or a job, or the name of a recipe


@dataclass(frozen=True)
class Item:
    """One thing that needs the user's attention. Its texts are safe to show."""

    key: str  # the same for the same event; a later event of the same kind has another one
    group: str
    vm: str
    title: str
    detail: str
    todos: tuple[Todo, ...]  # the most useful first
    since: float = 0.0  # seconds since the epoch; 0 if not known
    is_watched: bool = False  # it is visible in a window now, so a notification is not needed


@dataclass(frozen=True)
class Facts:
    """What the items are made of."""

    vms: Sequence[Vm]
    now: float  # seconds since the epoch
    terminals: Sequence[TerminalFacts] = ()
    uses: Mapping[str, Sequence[Use]] = field(default_factory=dict)  # by recipe
    disks: Mapping[str, int] = field(default_factory=dict)  # bytes that the disk of a VM uses on the host
    turns: Mapping[str, Sequence[Turn]] = field(default_factory=dict)  # by VM, of its agents in the last day
