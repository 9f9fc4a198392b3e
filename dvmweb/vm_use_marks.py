"""Files in the state folder of a VM that say it is used: one whose time is that of the last use, one for each session.

Imports next to nothing: `dvm ssh` writes them on its short way, where each import would be felt.
"""

from __future__ import annotations

import fcntl
import os
import time

USED = "used"
FOLDER = "sessions"
MADE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def touch(folder: str) -> None:
    """Something was done in the VM just now. Never raises; where the folder is gone, so is the VM."""
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
    """A session begins, which lasts until `end` or the end of this process: a lock on its file says that it lives."""
    touch(folder)
    name = f"{os.getpid()}-{os.urandom(8).hex()}"
    try:
        try:  # noqa: SIM105  (contextlib is not imported here)
            os.mkdir(f"{folder}/{FOLDER}", 0o700)  # noqa: PTH102
        except FileExistsError:  # of an earlier session, or of one that begins at this moment
            pass
        descriptor = os.open(f"{folder}/{FOLDER}/.{name}", MADE | os.O_EXCL, 0o600)
    except OSError:  # no room: better a VM that cannot be told to be in use than one that cannot be entered
        return "", -1
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path = f"{folder}/{FOLDER}/{name}"
    os.rename(f"{folder}/{FOLDER}/.{name}", path)  # noqa: PTH104  (only now it can be found, with its lock)
    return path, descriptor


def end(folder: str, session: tuple[str, int]) -> None:
    """The session has ended; until now things may have been done in it."""
    touch(folder)
    path, descriptor = session
    if path:
        try:  # noqa: SIM105  (contextlib is not imported here)
            os.unlink(path)  # noqa: PTH108
        except OSError:
            pass
        os.close(descriptor)


def lives(path: str) -> bool:
    """Say whether a session goes on: its process holds the lock."""
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
