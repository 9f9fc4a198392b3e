"""Records the last use of each VM by keys, files, commands or jobs; reports from before it are stale."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from dvmweb import files, vm_use_marks
from dvmweb.paths import Paths

NAME = re.compile(r"[1-9][0-9]{0,9}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Use:
    """The last use of a VM. `mark` differs after each use, even if the clock is changed."""

    mark: str = ""  # "": never used
    at: float = 0.0  # seconds since the epoch
    is_now: bool = False  # a session is open, in which use is not counted


def touch(paths: Paths, vm: str) -> None:
    """Mark the VM as used now. Never raises, because an error must not end the keeper."""
    vm_use_marks.touch(str(paths.vm_state(vm)))


def read(paths: Paths, vm: str) -> Use:
    """The last use of a VM. A session whose process was killed counts as a use now."""
    folder = str(paths.vm_state(vm))
    is_now = [_goes_on(folder, path) for path in _sessions(folder)]
    file = f"{folder}/{vm_use_marks.USED}"
    try:
        facts = os.lstat(file)
    except OSError:
        return Use(is_now=any(is_now))
    if not os.access(file, os.W_OK):  # created with sudo: uses could not be recorded, so assume one now
        return Use(f"?{os.urandom(8).hex()}", time.time(), any(is_now))
    return Use(f"{facts.st_ino}:{facts.st_mtime_ns}", facts.st_mtime, any(is_now))


@contextmanager
def session(paths: Paths, vm: str) -> Iterator[None]:
    """Mark the VM as in use while the context lasts; use in it is not counted."""
    folder = str(files.private_folder(paths.vm_state(vm)))
    one = vm_use_marks.begin(folder)
    try:
        yield
    finally:
        vm_use_marks.end(folder, one)


def _sessions(folder: str) -> list[str]:
    try:
        with os.scandir(f"{folder}/{vm_use_marks.FOLDER}") as entries:
            return [entry.path for entry in entries if NAME.fullmatch(entry.name)]
    except OSError:
        return []


def _goes_on(folder: str, session: str) -> bool:
    """Whether a session is open. If its process was killed, its last use is not known: mark one now and remove it."""
    if vm_use_marks.lives(session):
        return True
    vm_use_marks.touch(folder)
    with suppress(OSError):
        os.unlink(session)  # noqa: PTH108
    return False
