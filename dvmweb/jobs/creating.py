"""Create an instance, and clean up after a create that failed: only what this very create made."""

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
    """Run the create with the lock of all VMs held.

    Raises DvmError when somebody else has made the instance since the look. A failed or cancelled create leaves its
    folder behind, listed as Stopped (lima.md 3.2); only such a one is deleted again, and never by force.
    """
    if find() is not None:
        raise DvmError(
            f"{name} was created meanwhile by another program.", "Sync again: it continues with that instance."
        )
    finished = run()
    if finished.is_ok or b"already exists" in finished.stderr:
        return finished
    with suppress(DvmError):  # a listing that fails now says nothing, and must not hide why the create failed
        left = find()
        if left is not None and left.status == "Stopped" and left.host_agent_pid == 0 and _is_never_started(left):
            delete()
    return finished


def _is_never_started(instance: Instance) -> bool:
    """Say whether the instance has no ssh.config, which Lima writes at the first start."""
    return not commands.ssh_config(Path(instance.directory).parent, instance.name).exists()
