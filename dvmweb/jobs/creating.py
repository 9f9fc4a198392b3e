"""Creates an instance, and deletes what a failed create left behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dvmweb.errors import DvmError
from dvmweb.lima import commands
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished


def create(
    name: str, find: Callable[[], Instance | None], run: Callable[[], Finished], delete: Callable[[], None]
) -> Finished:
    """Run the create; the caller holds the lock of all VMs. Returns its result.

    Raises DvmError if another program has created the instance. A failed or cancelled create leaves a folder, which
    Lima lists as Stopped; it is deleted only if it was never started, and never by force.
    """
    if find() is not None:
        raise DvmError(
            f"Another program created {name} at the same time.", "Sync again: it continues with that instance."
        )
    finished = run()
    if finished.is_ok or b"already exists" in finished.stderr:
        return finished
    with suppress(DvmError):  # an error of this listing must not hide why the create failed
        left = find()
        if left is not None and left.status == "Stopped" and left.host_agent_pid == 0 and _is_never_started(left):
            delete()
    return finished


def _is_never_started(instance: Instance) -> bool:
    """Whether the instance has no ssh.config, which Lima writes at the first start."""
    return not commands.ssh_config(Path(instance.directory).parent, instance.name).exists()
