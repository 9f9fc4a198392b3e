"""What a checkpoint or a rewind would do, before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import unified_diff
from itertools import islice

from dvmweb.config.store import ConfigStore
from dvmweb.guest_text import visible
from dvmweb.jobs.copy_ends import config_text
from dvmweb.jobs.inputs import read_note
from dvmweb.lima import connections
from dvmweb.lima.disk_use import disk_free, in_words
from dvmweb.terminals.client import list_terminals
from dvmweb.verbs.checkpoints.listing import Checkpoint
from dvmweb.verbs.selection import why_in_use
from dvmweb.verbs.vms import Vm, Vms

MOST = 40  # lines of a difference


def why_used(vms: Vms, vm: Vm) -> str:
    """Why a running VM is in use, "" if nothing is known to use it. Raises CheckFailed if the keeper is silent."""
    return why_in_use(vms, vm, list_terminals(vms), connections.addressed())


def disk_line(vms: Vms, found: Sequence[Checkpoint]) -> str:
    """The disk that checkpoints use, and how much is free, as a sentence."""
    used, free = in_words(sum(one.disk for one in found)), in_words(disk_free(vms.paths.lima_home))
    return f"Checkpoints use up to {used} of disk, and {free} are free."


def is_of_another(vms: Vms, one: Checkpoint) -> bool:
    """Whether a checkpoint is of an earlier VM of the same name: its guest has another identity."""
    identity = read_note(vms.paths, one.record.vm, "identity") if one.record.vm else ""
    return bool(identity and one.record.identity and identity != one.record.identity)


def config_difference(vms: Vms, one: Checkpoint) -> tuple[str, ...] | None:
    """The lines that differ between the config and that of the checkpoint; None if one of them is not known.

    Raises ConfigError for a checkpoint of a renamed VM whose config had errors.
    """
    name = one.record.vm
    then = config_text(vms.paths, one.record, name)
    if then is None or not vms.has_config(name):
        return None
    now = ConfigStore(vms.paths).source(name)[0]
    diff = unified_diff(_lines(now), _lines(then), "config now", "config of the checkpoint", n=0, lineterm="")
    return tuple(islice(diff, MOST))


def _lines(text: bytes) -> list[str]:
    return [visible(line, 200) for line in text.decode("utf-8", "replace").splitlines()]
