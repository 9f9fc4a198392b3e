"""Deletes entries of the trash for good."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from dvmweb.errors import DvmError, NotNow
from dvmweb.jobs import engine_lock
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import DELETE, LIST
from dvmweb.lima.instances import Instance
from dvmweb.names import entry_instance
from dvmweb.paths import Paths
from dvmweb.records import trash_records
from dvmweb.verbs.trash.listing import Entry, entries_of, find
from dvmweb.verbs.vms import Vms


def empty(vms: Vms, names: Sequence[str]) -> tuple[Entry, ...]:
    """Delete these entries for good, one after the other; return them.

    Raises NotFound before anything is deleted, NotNow for one that is running, LimaError: then those before it are
    deleted, and the one that failed is protected again.
    """
    lima = vms.lima()
    with engine_lock.moves(vms.paths):
        entries = entries_of(vms.paths, lima.list())
        chosen = [find(entries, name) for name in dict.fromkeys(names)]
        for entry in chosen:
            if entry.instance.status == "Running":
                name = entry.instance.name
                raise NotNow(f"{entry.name} is Running, so it is not deleted.", f"Stop it: `limactl stop {name}`")
        for entry in chosen:
            assert entry.instance.name == entry_instance(entry.name)  # noqa: S101
            delete_protected(vms.paths, lima, entry.instance)
            trash_records.forget(vms.paths, entry.name)
        return tuple(chosen)


def delete_protected(paths: Paths, lima: Lima, instance: Instance) -> None:
    """Delete a protected instance that is no VM. Raises LimaError; then it is protected again."""
    name, is_odd = instance.name, instance.status != "Stopped"
    with engine_lock.held(paths):
        if instance.protected:
            lima.must(commands.unprotect(name), LIST)
        try:
            lima.must(commands.delete_force(name) if is_odd else commands.delete(name), DELETE)
            if lima.find(name) is not None:
                raise DvmError(f"{name} still exists after the delete.", f"Check `limactl list {name}`.")
        except DvmError:
            with suppress(DvmError):
                lima.run(commands.protect(name), LIST)
            raise
