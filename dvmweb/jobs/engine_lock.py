"""The lock of all VMs. On Lima's user-v2 network, a start, stop or delete disturbs those of other VMs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dvmweb import files
from dvmweb.lima.client import Lima
from dvmweb.lima.instances import Instance
from dvmweb.paths import Paths

POLL = 0.2  # seconds between two tries for the lock
RUNNING_POLL = 0.5  # seconds between two listings while a VM starts


def take(paths: Paths, cancelled: threading.Event, on_wait: Callable[[], None]) -> files.Lock | None:
    """Take the lock, waiting while another job has it; None if the job is cancelled while it waits.

    `on_wait` is called once, before waiting.
    """
    lock = files.try_lock(paths.engine_lock)
    if lock is None:
        on_wait()
    while lock is None:
        if cancelled.wait(POLL):
            return None
        lock = files.try_lock(paths.engine_lock)
    return lock


@contextmanager
def held(paths: Paths) -> Iterator[None]:
    """Hold the lock of all VMs, after waiting for as long as another command has it."""
    lock = take(paths, threading.Event(), lambda: None)
    assert lock is not None  # noqa: S101  (it cannot be cancelled)
    try:
        yield
    finally:
        lock.release()


def run(paths: Paths, lima: Lima, argv: tuple[str, ...], timeout: float) -> None:
    """Run one command with the lock of all VMs held. Raises LimaError if it fails."""
    with held(paths):
        lima.must(argv, timeout)


@contextmanager
def moves(paths: Paths) -> Iterator[None]:
    """Hold the lock of everything that renames, clones or restores VMs, or deletes from the trash: one at a time."""
    lock = files.wait_lock(files.private_folder(paths.state) / "moves.lock")
    try:
        yield
    finally:
        lock.release()


class UntilRunning:
    """Releases the lock of all VMs as soon as the VM is Running, while `limactl start` still waits for READY."""

    def __init__(self, lock: files.Lock, running: Callable[[], Instance | None]) -> None:
        self.instance: Instance | None = None
        self._lock = lock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(running,), name="until running", daemon=True)
        self._thread.start()

    def _watch(self, running: Callable[[], Instance | None]) -> None:
        try:
            while self.instance is None and not self._stopped.wait(RUNNING_POLL):
                self.instance = running()
        finally:
            self._lock.release()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
