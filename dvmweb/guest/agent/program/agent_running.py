"""Marks of running agents. While an agent runs, or if it ended without a check, its work may be in any shared file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator

FOLDER = f"{os.path.dirname(os.path.realpath(__file__))}/running"  # root's
FLAGS = os.O_RDONLY | os.O_CLOEXEC


def begin() -> str:
    """Create the mark of a running agent; this process holds a lock on it, and `end` removes it."""
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    mark = secrets.token_hex(8)
    fcntl.flock(os.open(f"{FOLDER}/{mark}", FLAGS | os.O_CREAT | os.O_EXCL, 0o600), fcntl.LOCK_EX)
    return mark


def end(mark: str) -> None:
    os.unlink(f"{FOLDER}/{mark}")


@contextlib.contextmanager
def alone(own: str) -> Iterator[bool]:
    """Lock: one check at a time. Yields whether an agent other than `own` is running, or ended without a check."""
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    folder = os.open(FOLDER, FLAGS | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        marks = [mark for mark in os.listdir(folder) if mark != own]
        dead = [mark for mark in marks if is_dead(folder, mark)]
        yield bool(marks)
        for mark in dead:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(mark, dir_fd=folder)
    finally:
        os.close(folder)


def is_dead(folder: int, mark: str) -> bool:
    """Whether the process of a mark no longer exists: it was killed, or the VM went down."""
    try:
        file = os.open(mark, FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
