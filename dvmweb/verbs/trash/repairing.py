"""Repairs what an interrupted command left in the trash: an entry that is not protected, records without an entry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dvmweb import files
from dvmweb.errors import sentence
from dvmweb.jobs import engine_lock
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import LIST
from dvmweb.lima.failures import reason
from dvmweb.lima.instances import Listing
from dvmweb.names import entry_instance, instance_name
from dvmweb.paths import Paths
from dvmweb.records import trash_records
from dvmweb.records.trash_records import TrashRecord
from dvmweb.verbs import cloning
from dvmweb.verbs.trash.listing import Entry, entries_of
from dvmweb.verbs.vms import Vms


def repair(vms: Vms) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """All entries after the repair, and a sentence about each thing that was not as it should be."""
    lima = vms.lima()
    with engine_lock.moves(vms.paths):
        listing = lima.list()
        notes = [*cloning.remove_left(vms), *_protect(vms.paths, lima, listing), *_records(vms.paths, listing)]
        return entries_of(vms.paths, lima.list() if notes else listing), tuple(notes)


def _protect(paths: Paths, lima: Lima, listing: Listing) -> Iterator[str]:
    for one in entries_of(paths, listing):
        if not one.is_half:
            continue
        with _idle(paths, one.record.vm) as is_idle:
            if not is_idle:  # the job that moves it protects it now
                continue
            what = f"{one.name} was not protected from `limactl delete`: a command was interrupted."
            finished = lima.run(commands.protect(one.instance.name), LIST)
            if finished.is_ok:
                yield f"{what} It is now."
            else:
                yield f"{what} It could not be protected: {sentence(reason(finished))}"


def _records(paths: Paths, listing: Listing) -> Iterator[str]:
    """Finish a restore, and remove records of entries whose instance does not exist."""
    if listing.odd_lines:  # one of them can be the instance
        return
    names = {instance.name for instance in listing.instances}
    for entry in trash_records.entries(paths):
        record = trash_records.read(paths, entry)
        if entry_instance(entry) in names or (paths.lima_home / entry_instance(entry)).exists():
            if record.restored_as:
                trash_records.rewrite(paths, replace(record, restored_as=""))
                yield (
                    f"{entry} was not restored as {record.restored_as}: the command was interrupted. "
                    f"Only the config may have been written: {paths.vm_config(record.restored_as)}"
                )
            continue
        with _idle(paths, record.vm) as is_idle:
            if is_idle:
                yield from _without_instance(paths, record, names)


def _without_instance(paths: Paths, record: TrashRecord, names: set[str]) -> Iterator[str]:
    if record.restored_as and instance_name(record.restored_as) in names:
        trash_records.put_back(paths, record.entry, record.restored_as)
        trash_records.forget(paths, record.entry)
        yield f"{record.entry} was restored as {record.restored_as}; the command was interrupted. It is complete now."
        return
    config = trash_records.config_of(paths, record.entry)
    is_back = bool(record.vm) and instance_name(record.vm) in names  # the move was interrupted before the rename
    trash_records.forget(paths, record.entry)
    if is_back:
        yield f"{record.vm} was not moved to the trash: the command was interrupted. Nothing was changed."
    elif record.at:
        kept = _keep_config(paths, record.entry, config) if config else ""
        yield f"{record.entry} is no longer in the trash: it was deleted or renamed without dvm.{kept}"


def _keep_config(paths: Paths, entry: str, config: bytes) -> str:
    place: Path = files.private_folder(paths.state / "removed-configs") / f"{entry}.yaml"
    files.write_whole(place, config)
    return f" The text of its config is kept in {place}"


@contextmanager
def _idle(paths: Paths, vm: str) -> Iterator[bool]:
    """Hold the VM's lock; False if a job has it. A VM that is not known has no job."""
    folder = paths.vm_state(vm)
    if not vm or not folder.is_dir():
        yield True
        return
    lock = files.try_lock(folder / "lock")
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()
