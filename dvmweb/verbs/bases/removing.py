"""Deletes bases, and what is left of those that were not built to their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dvmweb.errors import DvmError, NotNow
from dvmweb.jobs import engine_lock, starting
from dvmweb.jobs.bases.building import remove_half
from dvmweb.jobs.leftovers import end_leftovers
from dvmweb.lima.client import Lima
from dvmweb.names import base_instance, is_base_name
from dvmweb.paths import Paths
from dvmweb.verbs.bases.listing import ListedBase, bases_of, find, interrupted, leftovers
from dvmweb.verbs.vms import Vms


def repair(vms: Vms) -> tuple[str, ...]:
    """Remove what is left of bases that were not built to their end; sentences about them."""
    names = leftovers(vms.paths)
    return tuple(_repair(vms.paths, vms.lima(), names)) if names else ()


def _repair(paths: Paths, lima: Lima, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        with _held(paths, name) as is_idle:
            if is_idle:
                remove_half(paths, lima, name)
                yield f"{interrupted(name)} What was left of it was removed."


@contextmanager
def _held(paths: Paths, name: str) -> Iterator[bool]:
    """Hold the lock of the VM in which a base is built; False while it is being built."""
    vm = base_instance(name)
    try:
        lock = starting.take(paths, vm)
    except DvmError:
        yield False
        return
    try:
        last = starting.last_job(paths, vm)
        end_leftovers(paths, last.id if last else "")  # a command that outlived its job
        yield True
    finally:
        lock.release()


def remove(vms: Vms, name: str) -> ListedBase | None:
    """Delete a base, or what is left of one; None for the latter. Raises NotFound, NotNow, LimaError."""
    paths, lima = vms.paths, vms.lima()
    if is_base_name(name) and name in leftovers(paths):
        tuple(_repair(paths, lima, (name,)))
        return None
    with engine_lock.moves(paths):
        base = find(bases_of(paths, lima.list()), name)
        if base.instance.status == "Running":
            todo = f"Stop it: `limactl stop {base.instance.name}`"
            raise NotNow(f"The base {base.name} is Running, so it is not deleted.", todo)
        remove_half(paths, lima, base.name)
    return base
