"""Repairs what an interrupted checkpoint or rewind left."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.jobs import copy_ends, engine_lock, starting
from dvmweb.lima.client import Lima
from dvmweb.lima.instances import Listing
from dvmweb.names import checkpoint_instance
from dvmweb.paths import Paths
from dvmweb.records import checkpoint_records, rewinds
from dvmweb.verbs.checkpoints.listing import Checkpoint, checkpoints_of
from dvmweb.verbs.vms import Vms


def notes(paths: Paths) -> tuple[str, ...]:
    """Sentences about interrupted checkpoints and rewinds, each with the command that repairs it; asks no engine."""
    found = []
    for vm in copy_ends.left_by(paths):
        if starting.open_job(paths, vm) is not None:
            continue
        if rewinds.is_half(paths, vm):
            found.append(f"The rewind of {vm} was interrupted. To finish it: `dvm rewind {vm}`")
        else:
            found.append(f"A copy of {vm} was interrupted. To remove what is left of it: `dvm checkpoint ls`")
    return tuple(found)


def repair(vms: Vms) -> tuple[tuple[Checkpoint, ...], tuple[str, ...]]:
    """All checkpoints after the repair, and a sentence about each thing that was not as it should be."""
    lima, paths = vms.lima(), vms.paths
    with engine_lock.moves(paths):
        done = [note for vm in copy_ends.left_by(paths) for note in copy_ends.repair_vm(paths, lima, vm)]
        listing = lima.list()
        done += [*_protect(paths, lima, listing), *_records(paths, listing)]
        return checkpoints_of(paths, lima.list() if done else listing), tuple(done)


def _protect(paths: Paths, lima: Lima, listing: Listing) -> Iterator[str]:
    for one in checkpoints_of(paths, listing):
        if one.record.copy or one.instance.protected:  # a job copies it, or it is as it should be
            continue
        copy_ends.protect(paths, lima, one.name)
        yield f"{one.name} was not protected from `limactl delete`. It is now."


def _records(paths: Paths, listing: Listing) -> Iterator[str]:
    """Remove the records of checkpoints whose instance does not exist."""
    if listing.odd_lines:  # one of them can be the instance
        return
    names = {instance.name for instance in listing.instances}
    for name in checkpoint_records.names(paths):
        record, instance = checkpoint_records.read(paths, name), checkpoint_instance(name)
        if record.copy or instance in names or (paths.lima_home / instance).exists():
            continue
        checkpoint_records.forget(paths, name)
        if record.at:
            yield f"The checkpoint {name} is gone: it was deleted or renamed without dvm."
