"""Ends a copy of a VM: completes a rewind, and repairs what an interrupted checkpoint or rewind left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dvmweb import files
from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError
from dvmweb.jobs import engine_lock, removing, starting
from dvmweb.jobs.bases.copying import was_started
from dvmweb.jobs.leftovers import end_leftovers
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import DELETE, EDIT, LIST
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.instances import has_protection
from dvmweb.names import checkpoint_instance, entry_instance, instance_name
from dvmweb.paths import Paths
from dvmweb.records import checkpoint_records, rewinds, trash_records
from dvmweb.records.checkpoint_records import CheckpointRecord
from dvmweb.records.rewinds import MOVED, Rewind


def left_by(paths: Paths) -> tuple[str, ...]:
    """The VMs with a checkpoint or a rewind that runs or was interrupted."""
    records = (checkpoint_records.read(paths, name) for name in checkpoint_records.names(paths))
    return tuple(sorted({*(one.vm for one in records if one.copy and one.vm), *rewinds.begun(paths)}))


def repair_vm(paths: Paths, lima: Lima, vm: str) -> tuple[str, ...]:
    """Repair what an interrupted checkpoint or rewind of a VM left, unless a job runs; sentences about it.

    Raises LimaError if the engine refuses.
    """
    lock = files.try_lock(files.private_folder(paths.vm_state(vm)) / "lock")
    if lock is None:  # the job that copies it repairs it
        return ()
    try:
        notes = (*end_leftovers(paths, starting.holder(paths, vm)), *repair(paths, lima, vm))
        if notes:
            os.ftruncate(lock.descriptor, 0)  # the last job was interrupted, and what it left is repaired
        return notes
    finally:
        lock.release()


def repair(paths: Paths, lima: Lima, vm: str) -> tuple[str, ...]:
    """The same. The VM's lock is held, and no command of a job runs any more."""
    return (*_repair_checkpoints(paths, lima, vm), *_repair_rewind(paths, lima, vm))


def _repair_checkpoints(paths: Paths, lima: Lima, vm: str) -> Iterator[str]:
    for name in checkpoint_records.names(paths):
        record = checkpoint_records.read(paths, name)
        if record.vm != vm or not record.copy:
            continue
        if (paths.lima_home / checkpoint_instance(name)).exists():
            protect(paths, lima, name)
            checkpoint_records.rewrite(paths, replace(record, copy=""))
            yield f"The checkpoint {name} was interrupted after its copy: it is complete."
        else:
            remove_copy(paths, lima, record.copy)
            checkpoint_records.forget(paths, name)
            yield f"The checkpoint {name} was not completed: its half copy was removed. {vm} was not changed."


def _repair_rewind(paths: Paths, lima: Lima, vm: str) -> Iterator[str]:
    begun = rewinds.read(paths, vm)
    if begun is None:
        rewinds.forget(paths, vm)  # one that cannot be read
        return
    is_copied = (paths.lima_home / begun.copy).exists()
    if removing.has_instance(paths, vm):
        if begun.stage == MOVED and not is_copied:
            if was_started(paths, instance_name(vm), since=rewinds.written_at(paths, vm)):
                rewinds.forget(paths, vm)  # its records are of a VM in use by now
                yield f"The rewind of {vm} was interrupted after its last step, and {vm} was started since."
                return
            yield f"The rewind of {vm} was interrupted after its last step: it is complete."
            yield from complete_rewind(paths, vm, begun)
            return
        _undo(paths, lima, vm, begun)
        yield f"{vm} was not rewound: its copy of {begun.checkpoint} was removed. {vm} is as before."
    elif is_copied and rewinds.is_half(paths, vm):
        engine_lock.run(paths, lima, commands.rename(begun.copy, instance_name(vm)), EDIT)
        yield f"The rewind of {vm} to {begun.checkpoint} was interrupted. It was finished."
        yield from complete_rewind(paths, vm, begun)
    else:
        _undo(paths, lima, vm, begun)
        yield f"{vm} was not rewound, and it is not created: see `dvm trash ls` and `dvm checkpoint ls {vm}`."


def _undo(paths: Paths, lima: Lima, vm: str, begun: Rewind) -> None:
    remove_copy(paths, lima, begun.copy)
    if begun.trash and not (paths.lima_home / entry_instance(begun.trash)).exists():
        trash_records.forget(paths, begun.trash)
    rewinds.forget(paths, vm)


def complete_rewind(paths: Paths, vm: str, begun: Rewind) -> tuple[str, ...]:
    """Give the VM the records of its checkpoint, and its config if wanted; sentences about both."""
    record = checkpoint_records.read(paths, begun.checkpoint)
    removing.forget(paths, vm)
    other = checkpoint_records.put_back(paths, begun.checkpoint, vm)
    notes = _replace_config(paths, vm, record, begun.config) if begun.config else ()
    rewinds.forget(paths, vm)
    shared = f"{other} has the same identity and SSH key. `dvm sync {vm}` gives {vm} its own." if other else ""
    return (*notes, *((shared,) if shared else ()))


def _replace_config(paths: Paths, vm: str, record: CheckpointRecord, expected: str) -> tuple[str, ...]:
    path = paths.vm_config(vm)
    try:
        text = config_text(paths, record, vm)
        now, digest = ConfigStore(paths).source(vm)
        if text is None or text == now:
            return () if text == now else (f"The config of {record.name} is not known. {path} was kept.",)
        if digest != expected:
            return (f"{path} has changed since the rewind began, and was kept.",)
        kept = files.private_folder(paths.state / removing.KEPT) / f"{vm}-before-{record.name}.yaml"
        files.write_whole(kept, now)
        files.write_whole(path, text, expected=digest, follow=True)
    except DvmError as error:
        return (f"{path} was kept: {error.what}",)
    return (f"Its config is that of the checkpoint. The text of the one before is kept in {kept}",)


def config_text(paths: Paths, record: CheckpointRecord, vm: str) -> bytes | None:
    """The config of a checkpoint, for its VM under the name that it has now; None if it is not known."""
    text = checkpoint_records.config_of(paths, record.name)
    return text if text is None or record.made_as == vm else ConfigStore(paths).text_for(record.made_as, vm, text)


def protect(paths: Paths, lima: Lima, checkpoint: str) -> None:
    """Protect a checkpoint that is not protected. Raises LimaError."""
    instance = checkpoint_instance(checkpoint)
    if not has_protection(paths.lima_home / instance):
        engine_lock.run(paths, lima, commands.protect(instance), LIST)


def remove_copy(paths: Paths, lima: Lima, instance: str) -> None:
    """Delete an instance that was being copied; nothing if there is none. Raises LimaError."""
    folder: Path = paths.lima_home / instance
    if (folder / "lima.yaml").exists():
        engine_lock.run(paths, lima, commands.delete_force(instance), DELETE)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)  # Lima deletes no folder without a lima.yaml


def stay_note(paths: Paths, vm: str) -> str:
    """A sentence about the checkpoints that a delete of the VM leaves, "" if there are none; asks no engine."""
    found = [one.name for one in checkpoint_records.of_vm(paths, vm)]
    folders = [folder for name in found if (folder := paths.lima_home / checkpoint_instance(name)).is_dir()]
    if not folders:
        return ""
    stay = f"1 checkpoint of {vm} stays" if len(folders) == 1 else f"{len(folders)} checkpoints of {vm} stay"
    used = in_words(sum(map(disk_used, folders)))
    return f"{stay} and can use up to {used} of disk. To list: `dvm checkpoint ls {vm}`. To delete: `dvm checkpoint rm`"
