"""Marks of use in a VM's state folder: a file with the time of the last use, and one for each open session.

Imports next to nothing, because the short way of `dvm ssh` writes them and each import would slow it down.
"""

from __future__ import annotations

import fcntl
import os
import time

USED = "used"
FOLDER = "sessions"
MADE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def touch(folder: str) -> None:
    """Mark the VM as used now. Never raises; without the folder there is no VM."""
    now = time.time_ns()
    try:
        descriptor = os.open(f"{folder}/{USED}", MADE, 0o600)
    except OSError:
        return
    try:
        os.utime(descriptor, ns=(now, now))
    except OSError:
        pass
    finally:
        os.close(descriptor)


def begin(folder: str) -> tuple[str, int]:
    """Begin a session; return its file and descriptor. It lasts until `end` or the end of this process, by a lock."""
    touch(folder)
    name = f"{os.getpid()}-{os.urandom(8).hex()}"
    try:
        try:  # noqa: SIM105  (contextlib is not imported here)
            os.mkdir(f"{folder}/{FOLDER}", 0o700)  # noqa: PTH102
        except FileExistsError:  # of an earlier session, or of one that begins now
            pass
        descriptor = os.open(f"{folder}/{FOLDER}/.{name}", MADE | os.O_EXCL, 0o600)
    except OSError:  # the disk is full: entering the VM is more important than the mark
        return "", -1
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path = f"{folder}/{FOLDER}/{name}"
    os.rename(f"{folder}/{FOLDER}/.{name}", path)  # noqa: PTH104  (only now it can be found, with its lock)
    return path, descriptor


def end(folder: str, session: tuple[str, int]) -> None:
    """End a session, and mark the VM as used now."""
    touch(folder)
    path, descriptor = session
    if path:
        try:  # noqa: SIM105  (contextlib is not imported here)
            os.unlink(path)  # noqa: PTH108
        except OSError:
            pass
        os.close(descriptor)


def lives(path: str) -> bool:
    """Whether a session is open: its process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
