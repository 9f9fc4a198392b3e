"""Removes the config of a deleted VM with all records of the VM; keeps a copy of its text."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from dvmweb import files, vm_use_marks
from dvmweb.config.store import ConfigStore
from dvmweb.jobs.checks import sandbox
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.records import agent_turns, applied_recipes, exposures, idle_times, load_samples, rewinds
from dvmweb.records.kept_records import COPY_OF

KEPT = "removed-configs"  # folder in the state folder
LOCKS = ("lock", "work.lock")  # not removed: a process that waits for a lock must find the same file


def has_instance(paths: Paths, vm: str) -> bool:
    """Whether the VM's instance folder exists, readable by Lima or not."""
    folder = paths.lima_home / instance_name(vm)
    return folder.exists() or folder.is_symlink()


def remove_config(paths: Paths, vm: str, expected: str = "") -> Path:
    """Remove the config and all records of a VM; return the path of the copy. The caller holds the VM's lock.

    Raises ChangedOnDisk if the config has another digest than `expected`, NotFound, UsageError; then nothing was
    removed.
    """
    store = ConfigStore(paths)
    data, digest = store.source(vm)
    if expected and digest != expected:
        path = paths.vm_config(vm)
        raise files.ChangedOnDisk(f"{path} has changed since then and was not removed.", "Check it, then try again.")
    kept = _free_place(files.private_folder(paths.state / KEPT), vm)
    files.write_whole(kept, data, expected="")
    store.delete(vm)
    forget_all(paths, vm)
    return kept


def _free_place(folder: Path, vm: str) -> Path:
    stem = f"{vm}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    places = (folder / f"{stem}{more}.yaml" for more in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(place for place in places if not place.exists())


def forget(paths: Paths, vm: str) -> None:
    """Remove the records of a VM that does not exist any more."""
    notes = ("identity", "reach.json", "work.json", vm_use_marks.USED, "key.pub", "no-key", "approved-hook", COPY_OF)
    tests = (sandbox.FILE, exposures.FILE)
    use = (load_samples.FILE, agent_turns.FILE, idle_times.FILE)
    for name in (*notes, "lima.yaml", applied_recipes.FILE, *tests, *use):
        (paths.vm_state(vm) / name).unlink(missing_ok=True)


def forget_all(paths: Paths, vm: str) -> None:
    """Remove all records of a VM from the state folder, so that a later VM of the same name does not use them.

    That of an interrupted rewind stays: it names the copy, which the next repair removes.
    """
    with suppress(FileNotFoundError):
        for path in paths.vm_state(vm).iterdir():
            if path.name in (*LOCKS, rewinds.FILE):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
