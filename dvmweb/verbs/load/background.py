"""Samples running VMs while the dashboard runs and no page is open; while one is open, the watch of the pages does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from dvmweb.errors import DvmError
from dvmweb.names import INSTANCE_PREFIX
from dvmweb.records.load_samples import FAR
from dvmweb.verbs import monitor
from dvmweb.verbs.vms import Vm, Vms

ROUND = 45.0  # seconds; less than FAR, so that a rate is known between two rounds
assert ROUND < FAR  # noqa: S101


class BackgroundSampling:
    """Asks in rounds. A guest that does not answer delays no other, and is not asked again meanwhile."""

    def __init__(self, vms: Vms, is_watched: Callable[[], bool]) -> None:
        """`is_watched`: whether a page is open."""
        self._vms, self._is_watched = vms, is_watched
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._free = threading.Semaphore(monitor.MOST)

    def run(self, is_ending: threading.Event) -> None:
        """Sample until the dashboard ends."""
        while not is_ending.wait(ROUND):
            with suppress(DvmError, OSError):  # the pages show why VMs cannot be listed
                self.round()

    def round(self) -> tuple[threading.Thread, ...]:
        """Start a question to each running guest, if no page is open. Raises DvmError without a listing."""
        # Without a host agent no VM runs, and limactl need not be started.
        if self._is_watched() or not any(self._vms.paths.lima_home.glob(f"{INSTANCE_PREFIX}*/ha.pid")):
            return ()
        now = time.time()
        due = [vm for vm in self._vms.list_vms() if monitor.what_is_due(vm, now) == monitor.REACH]
        return tuple(thread for thread in map(self._ask, due) if thread is not None)

    def _ask(self, vm: Vm) -> threading.Thread | None:
        with self._lock:
            if vm.name in self._busy:
                return None
            self._busy.add(vm.name)
        thread = threading.Thread(target=self._query, args=(vm,), name=f"sample {vm.name}", daemon=True)
        thread.start()
        return thread

    def _query(self, vm: Vm) -> None:
        try:
            with self._free, suppress(DvmError, OSError):  # deleted, or its config is broken
                monitor.query(self._vms, vm, monitor.REACH)
        finally:
            with self._lock:
                self._busy.discard(vm.name)
