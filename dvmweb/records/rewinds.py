"""Records a rewind of a VM while it runs, so that an interrupted one is named and finished or undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError, NotNow
from dvmweb.names import ENTRY_PATTERN, INSTANCE_PREFIX, VM_PATTERN, entry_instance, is_clone
from dvmweb.paths import Paths

FILE = "rewind.json"  # in the state folder of the VM
MOST = 10_000  # bytes
COPYING, COPIED, MOVED = "copying", "copied", "moved"  # how far it is: the copy is complete; the VM is in the trash


@dataclass(frozen=True)
class Rewind:
    """A rewind that has begun."""

    checkpoint: str
    copy: str  # the instance that becomes the VM
    trash: str  # the entry of the trash that the present VM becomes, "" if there is none
    config: str = ""  # the digest of the config that is replaced by that of the checkpoint, "" to keep it
    stage: str = COPYING


def write(paths: Paths, vm: str, begun: Rewind) -> None:
    """Record that a rewind begins, or how far it is."""
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(asdict(begun)).encode())


def forget(paths: Paths, vm: str) -> None:
    """Record that it has ended."""
    (paths.vm_state(vm) / FILE).unlink(missing_ok=True)


def read(paths: Paths, vm: str) -> Rewind | None:
    """The rewind of a VM that runs or was interrupted, None if there is none."""
    with suppress(FileNotFoundError, NotADirectoryError, DvmError, ValueError, TypeError):
        found = Rewind(**json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST)))
        return found if is_clone(found.copy) else None
    return None


def begun(paths: Paths) -> Iterator[str]:
    """The VMs with a rewind that runs or was interrupted."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted((paths.state / "vms").iterdir()):
            if VM_PATTERN.fullmatch(path.name) and (path / FILE).exists():
                yield path.name


def is_half(paths: Paths, vm: str) -> bool:
    """Whether a rewind has moved the VM to the trash, and not put the copy in its place yet.

    Before that is recorded, the entry is the sign of it: a VM that is absent without it was deleted since.
    """
    found = read(paths, vm)
    if found is None or found.stage == COPYING or (paths.lima_home / f"{INSTANCE_PREFIX}{vm}").exists():
        return False
    is_entry = ENTRY_PATTERN.fullmatch(found.trash) is not None
    return found.stage == MOVED or (is_entry and (paths.lima_home / entry_instance(found.trash)).exists())


def written_at(paths: Paths, vm: str) -> float:
    """When its last stage was recorded, seconds since the epoch; 0 if nothing is."""
    with suppress(OSError):
        return (paths.vm_state(vm) / FILE).stat().st_mtime
    return 0.0


def refuse_half(paths: Paths, vm: str) -> None:
    """Raise NotNow for a VM whose rewind was interrupted halfway: a job would create another VM.

    The VM's lock is held, so no rewind runs.
    """
    if is_half(paths, vm):
        raise NotNow(f"The rewind of {vm} was interrupted.", f"To finish it: `dvm rewind {vm}`")
