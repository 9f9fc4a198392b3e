"""Copies a base to the instance of a new VM; a note says while it is not complete."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from dvmweb import files
from dvmweb.errors import DvmError, NotNow
from dvmweb.jobs.inputs import read_note, write_note
from dvmweb.lima import commands
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.names import base_instance, instance_name
from dvmweb.paths import Paths

MOST = 100_000  # bytes of an ssh.config
NOTE = "base-copy"  # of a VM whose copy is not complete yet: the base


def copy(
    paths: Paths,
    vm: str,
    base: str,
    find: Callable[[str], Instance | None],
    run: Callable[[], Finished],
    delete: Callable[[], None],
) -> Finished:
    """Run the copy; the caller holds the lock of all VMs. A copy that failed or was cancelled is deleted.

    Raises DvmError if the base is gone, or if another program has created the instance.
    """
    name, origin = instance_name(vm), find(base_instance(base))
    if origin is None or was_started(paths, origin.name):
        how = "started" if origin else "deleted"
        todo = "Sync again: another base is used, or a new instance is created."
        raise DvmError(f"The base {base} was {how} before {vm} was copied from it.", todo)
    if find(name) is not None:
        raise DvmError(f"Another program created {vm} at the same time.", "Sync again to continue with it.")
    write_note(paths, vm, NOTE, base)
    finished = run()
    if not finished.is_ok:
        delete()
        if find(name) is None:
            is_complete(paths, vm)
    return finished


def is_complete(paths: Paths, vm: str) -> None:
    """Note that the VM is not a half copy any more."""
    (paths.vm_state(vm) / NOTE).unlink(missing_ok=True)
    files.sync_folder(paths.vm_state(vm))


def half_copy_of(paths: Paths, vm: str) -> str:
    """The base of which the VM is a copy that was interrupted, "" if it is none.

    An instance that was started under this name is another one, whatever the note says: restored or put there since.
    """
    base = read_note(paths, vm, NOTE)
    return "" if base and was_started(paths, instance_name(vm)) else base


def was_started(paths: Paths, instance: str, since: float = 0.0) -> bool:
    """Whether its ssh.config is its own, and written after `since`.

    Lima writes it at each start, and a copy has that of its origin until then, with the time that it had there.
    """
    with suppress(OSError, DvmError):
        path = commands.ssh_config(paths.lima_home, instance)
        text = files.read_bounded(path, MOST)
        return path.stat().st_mtime > since and f"Host {commands.ssh_alias(instance)}".encode() in text.splitlines()
    return False


def refuse_half(paths: Paths, vm: str, instance: Instance | None) -> None:
    """Raise NotNow for a VM whose copy was interrupted."""
    if instance is not None and (base := half_copy_of(paths, vm)):
        raise NotNow(
            f"{vm} is not complete: its copy of base {base} was interrupted.", f"To make it again: `dvm sync {vm}`"
        )


def must_be_deletable(vm: str, instance: Instance) -> None:
    """Raise NotNow if another program has started a half copy, which is then not deleted."""
    if instance.status == "Running" or instance.host_agent_pid:
        raise NotNow(
            f"{vm} is an interrupted copy of a base, and another program has started it.",
            f"If nothing in it is needed: `limactl delete -f {instance.name}`, then `dvm sync {vm}`.",
        )
