"""Checks of LIMA_HOME: PID files of processes that are gone, and what a copy of a disk costs there."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dvmweb.errors import DvmError
from dvmweb.files import read_bounded
from dvmweb.names import INSTANCE_PREFIX
from dvmweb.paths import Paths
from dvmweb.verbs.doctor.findings import Finding, State

REMOVE_PID_FILES = "remove the PID files"
PID_FILES = ("ha.pid", "qemu.pid", "vz.pid")
FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file
BLOCK = 4096


@dataclass(frozen=True)
class Stale:
    """A PID file whose process is gone, or is another program that got the same number."""

    path: Path
    pid: int
    program: str  # "" if no process has the number


def pid_files(paths: Paths) -> Iterator[Finding]:
    """Lima refuses to start an instance while a PID file names a process, whatever that process is."""
    for one in stale(paths):
        who = f"process {one.pid} is {one.program}" if one.program else f"there is no process {one.pid}"
        what = f"{one.path} is left over: {who}. Lima can take the VM for a running one."
        yield Finding("PID files", State.WARNING, what, f"rm {one.path}", REMOVE_PID_FILES)


def stale(paths: Paths) -> Iterator[Stale]:
    """The PID files of dvm's instances, and of Lima's user-v2 network, that no process of Lima has."""
    if paths.is_demo:  # the demo engine checks the birth of its processes itself
        return
    places = [
        (path, path.parent.name) for name in PID_FILES for path in paths.lima_home.glob(f"{INSTANCE_PREFIX}*/{name}")
    ]
    places += [(path, path.parent.name) for path in paths.lima_home.glob("_networks/*/usernet_*.pid")]
    for path, name in sorted(places):
        with suppress(OSError, ValueError, DvmError):
            pid = int(read_bounded(path, 20))
            program = _program(pid, name)
            if program is not None:
                yield Stale(path, pid, program)


def _program(pid: int, name: str) -> str | None:
    """The name of a process that is not Lima's for the instance `name`, "" if there is none; None if it is Lima's."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        if process.uids().real == os.getuid() and any(name in word for word in words):
            return None
        return process.name() or "another program"
    except psutil.NoSuchProcess:
        return ""
    except psutil.Error:  # not readable: it belongs to another user
        return "a process of another user"


def remove_stale(paths: Paths) -> tuple[str, ...]:
    """Remove the PID files that are stale now; a sentence for each."""
    done = []
    for one in stale(paths):
        one.path.unlink(missing_ok=True)
        done.append(f"{one.path} was removed.")
    return tuple(done)


def reflinks(paths: Paths, system: str = sys.platform) -> Iterator[Finding]:
    """Can a copy of a disk share its blocks? On macOS, APFS can, and Lima needs it anyway."""
    if system != "linux":
        return
    place = next(path for path in (paths.lima_home, *paths.lima_home.parents) if path.exists())
    if can_share_blocks(place):
        yield Finding("copies", State.OK, f"A copy of a VM shares the blocks of its disk (reflinks) in {place}.")
        return
    what = f"The file system of {place} has no reflinks: each copy of a VM takes the time and the space of its disk."
    fix = "It works as it is. Btrfs, or XFS with reflink=1, at LIMA_HOME makes copies instant."
    yield Finding("copies", State.WARNING, what, fix)


def can_share_blocks(folder: Path) -> bool:
    """Try it with two files without a name, which nobody sees and which end with this call."""
    opened: list[int] = []
    try:
        for _ in range(2):
            opened.append(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
        os.write(opened[0], bytes(BLOCK))
        fcntl.ioctl(opened[1], FICLONE, opened[0])
    except OSError:
        return False
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True
