"""Keeps the records of a VM beside its entry in the trash or its checkpoint, and puts them back."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.names import ENTRY_PATTERN, INSTANCE_PREFIX
from dvmweb.paths import Paths

MOST = 1_000_000  # bytes of a record
CONFIG, RECORDS = "config.yaml", "records"
COPY_OF = "copy-of"  # the note of a VM whose identity and key are not made anew yet: the VM or base it is a copy of
GUEST = ("identity", "key.pub", "no-key")  # about the identity of the guest
KEPT = (*GUEST, "approved-hook", "lima.yaml", COPY_OF)


def keep(paths: Paths, vm: str, folder: Path, config: bytes) -> None:
    """Copy the config and the records of a VM into a folder."""
    records = folder / RECORDS
    records.mkdir(mode=0o700, exist_ok=True)
    for name in KEPT:
        with suppress(FileNotFoundError, DvmError):
            files.write_whole(records / name, files.read_bounded(paths.vm_state(vm) / name, MOST))
    files.write_whole(folder / CONFIG, config)


def rewrite(file: Path, facts: dict[str, object]) -> None:
    """Replace what is recorded of an entry or a checkpoint."""
    files.write_whole(file, json.dumps(facts).encode("ascii"))


def names(folder: Path) -> tuple[str, ...]:
    """The names of all that is recorded in a folder, also of those whose instance does not exist."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return tuple(sorted(path.name for path in folder.iterdir() if ENTRY_PATTERN.fullmatch(path.name)))
    return ()


def forget(file: Path) -> None:
    """Remove a record with its folder; the file goes first, so that no half record is read."""
    file.unlink(missing_ok=True)
    shutil.rmtree(file.parent, ignore_errors=True)


def config_of(folder: Path) -> bytes | None:
    """The text of the config in a folder, None if it is not known."""
    with suppress(FileNotFoundError, DvmError):
        return files.read_bounded(folder / CONFIG, files.CONFIG_BYTES)
    return None


def put_back(paths: Paths, folder: Path, vm: str) -> str:
    """Copy the records back to a VM; those that exist are replaced. Returns the VM that has the same guest, or "".

    Two VMs with one identity and one key would be taken for each other: then this one becomes a copy, whose next sync
    makes them anew.
    """
    target = files.private_folder(paths.vm_state(vm))
    for name in KEPT:
        with suppress(FileNotFoundError, DvmError):
            files.write_whole(target / name, files.read_bounded(folder / RECORDS / name, MOST))
    return mark_copy(paths, _note(target / "identity"), vm)


def mark_copy(paths: Paths, identity: str, vm: str) -> str:
    """Note that a VM is a copy, if another one has the guest of this identity. Returns that one, or ""."""
    other = holder(paths, identity, vm)
    if other:
        target = files.private_folder(paths.vm_state(vm))
        files.write_whole(target / COPY_OF, f"{other}\n".encode())
        for name in GUEST:
            (target / name).unlink(missing_ok=True)
    return other


def holder(paths: Paths, identity: str, besides: str) -> str:
    """The created VM, other than `besides`, whose guest has this identity; "" for none."""
    folder = paths.state / "vms"
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()) if identity else ():
            if path.name == besides or not (paths.lima_home / f"{INSTANCE_PREFIX}{path.name}").exists():
                continue
            if _note(path / "identity") == identity:
                return path.name
    return ""


def _note(path: Path) -> str:
    with suppress(FileNotFoundError, NotADirectoryError, DvmError):
        return files.read_bounded(path, 10_000).decode("utf-8", "replace").strip()
    return ""
