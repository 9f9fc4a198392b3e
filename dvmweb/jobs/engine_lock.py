"""The lock of all VMs: starts, stops and deletes of different VMs disturb each other on Lima's user-v2 network."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dvmweb import files
from dvmweb.lima.instances import Instance
from dvmweb.paths import Paths

POLL = 0.2  # seconds between two tries for the lock
RUNNING_POLL = 0.5  # seconds between two looks whether a starting VM is Running


def take(paths: Paths, cancelled: threading.Event, on_wait: Callable[[], None]) -> files.Lock | None:
    """Take the lock, waiting while another job has it; None when the job was cancelled meanwhile.

    `on_wait` is called once, when there is something to wait for.
    """
    lock = files.try_lock(paths.engine_lock)
    if lock is None:
        on_wait()
    while lock is None:
        if cancelled.wait(POLL):
            return None
        lock = files.try_lock(paths.engine_lock)
    return lock


class UntilRunning:
    """Give the lock of all VMs back as soon as the VM is Running, while `start` still waits for READY."""

    def __init__(self, lock: files.Lock, running: Callable[[], Instance | None]) -> None:
        self.instance: Instance | None = None
        self._lock = lock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(running,), daemon=True)
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
