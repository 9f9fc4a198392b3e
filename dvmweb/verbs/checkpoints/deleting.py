"""Deletes a checkpoint for good."""

from __future__ import annotations

from dvmweb import files
from dvmweb.errors import NotNow
from dvmweb.jobs import engine_lock, starting
from dvmweb.records import checkpoint_records
from dvmweb.verbs.checkpoints.listing import Checkpoint, checkpoints_of, find
from dvmweb.verbs.trash.emptying import delete_protected
from dvmweb.verbs.vms import Vms


def delete(vms: Vms, name: str) -> Checkpoint:
    """Delete a checkpoint for good; return it.

    Raises NotFound, NotNow for one that is running, VmBusy while a job of its VM runs, LimaError: then it is protected
    again.
    """
    lima = vms.lima()
    with engine_lock.moves(vms.paths):
        one = find(checkpoints_of(vms.paths, lima.list()), name)
        instance, vm = one.instance, one.record.vm
        if instance.status == "Running":
            raise NotNow(f"{name} is Running, so it is not deleted.", f"Stop it: `limactl stop {instance.name}`")
        folder = vms.paths.vm_state(vm)
        lock = files.try_lock(folder / "lock") if vm and folder.is_dir() else None
        if lock is None and vm and folder.is_dir():  # a rewind can be copying it
            raise starting.busy(vms.paths, vm)
        try:
            delete_protected(vms.paths, lima, instance)
            checkpoint_records.forget(vms.paths, name)
        finally:
            if lock is not None:
                lock.release()
        return one
