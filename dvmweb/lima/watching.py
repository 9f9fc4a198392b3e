"""Keeps a current list of all VMs while pages are open: stats files, and runs limactl only when one has changed.

Built by `verbs.monitor.watch_over(vms)`, which passes the functions to call, because this room does not import verbs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from dvmweb import vm_use_marks
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.lima.deadlines import LIST
from dvmweb.paths import Paths

T = TypeVar("T")
TICK = 0.5  # seconds between two rounds of stat, which take under a millisecond for 50 VMs
GAP = 0.2  # least seconds between two listings, however often a file changes
OLDEST = 10.0  # seconds after which the VMs are listed again without a changed file (a killed VM changes none)
IDLE = 20.0  # seconds without a request after which the thread ends
SLOW = 2.0  # seconds after which a listing that has not finished is reported as a problem
FIRST = 2.0  # seconds that a request waits for the first list
WHOLE = LIST + FIRST  # the same for a page that cannot be made without it: a listing has ended by then
PATIENCE = 0.05  # seconds that a later request waits for a new list, if a file has just changed
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Acts(Generic[T]):
    """The functions that a watch calls, all in its own thread."""

    list_all: Callable[[], tuple[T, ...]]  # all VMs, by one limactl call; can take seconds
    remember: Callable[[tuple[T, ...]], tuple[T, ...]]  # the same VMs with their current records on disk
    after: Callable[[tuple[T, ...]], None]  # gets the list at every tick; must not block


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """The last list, its time, and why there is no newer one."""

    vms: tuple[T, ...] = ()
    at: float = 0.0  # seconds since the epoch; 0 before the first list
    problem: DvmError | None = None  # why the last listing failed; `vms` is still the last good list
    generation: int = 0  # differs between different lists


class Watch(Generic[T]):
    """One list for all requests; its thread runs while there are requests."""

    def __init__(self, paths: Paths, acts: Acts[T]) -> None:
        self._paths = paths
        self._acts = acts
        self._changed = threading.Condition()
        self._snapshot: Snapshot[T] = Snapshot()
        self._thread: threading.Thread | None = None
        # Monotonic seconds of the last request, of the last listing, and of the start of the running one (0: none).
        self._requested = self._listed = self._began = 0.0
        self._is_ended = False
        self._seen: Stamp | None = None  # the files before the last listing
        self._noted: Stamp | None = None

    def snapshot(self, patience: float = 0.0, first: float = 0.0) -> Snapshot[T]:
        """The last list, at once; the first one is waited for up to FIRST seconds, or `first` if that is longer.

        If a file has changed since the last listing, it waits up to `patience` seconds for a new one.
        """
        with self._changed:
            self._requested = time.monotonic()
            self._wake()
            is_first = not self._snapshot.generation and self._snapshot.problem is None
            if is_first or stamp(self._paths) != self._seen:
                number, seen = self._snapshot.generation, self._seen
                self._changed.notify_all()  # the thread checks at once

                def is_listed() -> bool:
                    is_new = self._snapshot.generation != number or (bool(patience) and self._seen != seen)
                    return is_new or (is_first and self._snapshot.problem is not None)

                self._changed.wait_for(is_listed, max(FIRST if is_first else PATIENCE, first if is_first else patience))
            return self._with_slow_listing()

    def is_running(self) -> bool:
        """Whether there were requests in the last seconds."""
        with self._changed:
            return self._thread is not None and self._thread.is_alive()

    def end(self) -> None:
        """End the thread; wait for a listing that is running."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _with_slow_listing(self) -> Snapshot[T]:
        """The snapshot, with a problem if a listing has been running for more than SLOW seconds."""
        waited = time.monotonic() - self._began if self._began else 0.0
        if waited < SLOW or self._snapshot.problem is not None:
            return self._snapshot
        shown = "The list shown is the last one." if self._snapshot.generation else "There is no list of VMs yet."
        problem = CheckFailed(
            f"`limactl list` has not finished for {int(waited)} s.",
            f"{shown} If this continues, find what hangs with `ps -ef`, or restart Lima's VMs.",
            "limactl list",
        )
        return replace(self._snapshot, problem=problem)

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._is_ended:
            seen, noted = stamp(self._paths), notes(self._paths)
            with self._changed:
                now = time.monotonic()
                if now - self._requested > IDLE:
                    self._thread = None
                    return
                waited = now - self._listed
                is_due = waited >= OLDEST or (seen != self._seen and waited >= GAP)
                self._began = now if is_due else 0.0
            if is_due:
                self._take(self._new_list(), seen, noted)
            elif noted != self._noted:
                self._take(self._remembered(), self._seen, noted)
            self._acts.after(self._snapshot.vms)
            with self._changed:
                self._changed.wait(TICK if stamp(self._paths) == self._seen else GAP)

    def _take(self, new: Snapshot[T], seen: Stamp | None, noted: Stamp) -> None:
        """Store a list with the stamps from *before* it, so that later changes are noticed at the next tick."""
        with self._changed:
            if self._began:
                self._listed, self._began = time.monotonic(), 0.0
            self._snapshot, self._seen, self._noted = new, seen, noted
            self._changed.notify_all()

    def _new_list(self) -> Snapshot[T]:
        try:
            return self._renewed(self._acts.list_all(), time.time(), None)
        except DvmError as error:
            return replace(self._snapshot, problem=error)
        except Exception as error:  # must reach the user, not end the thread silently
            what = f"Listing the VMs failed: {type(error).__name__}."
            return replace(self._snapshot, problem=DvmError(what, "This is a bug in dvm: please report it."))

    def _remembered(self) -> Snapshot[T]:
        old = self._snapshot
        return self._renewed(self._acts.remember(old.vms), old.at, old.problem) if old.generation else old

    def _renewed(self, found: tuple[T, ...], at: float, problem: DvmError | None) -> Snapshot[T]:
        old = self._snapshot
        is_same = old.generation > 0 and found == old.vms
        return Snapshot(found, at, problem, old.generation if is_same else old.generation + 1)


def stamp(paths: Paths) -> Stamp:
    """A value that changes when an instance, a config or the set of jobs changes, so the VMs must be listed again."""
    return tuple(_watched_files(paths))


def notes(paths: Paths) -> Stamp:
    """A value that changes when a record of a VM or the journal of a job changes; these need no new listing."""
    vms, jobs = _inside(paths.state / "vms"), _inside(paths.jobs)
    # Marks of use are touched in place, which does not change the time of their folder.
    every = (*vms, *(f"{vm}/{vm_use_marks.USED}" for vm in vms), *jobs)
    return tuple(fact for path in every for fact in _fact(path))


def _watched_files(paths: Paths) -> Iterator[tuple[str, int, int]]:
    # A folder's time changes when a file in it is created, removed or renamed: pid files, sockets, atomic writes.
    for folder in (paths.config / "vms", paths.lima_home, paths.jobs):
        yield from _fact(str(folder))
    yield from _fact(str(paths.config_file))
    for path in _inside(paths.config / "vms"):
        yield from _fact(path)
    for path in _inside(paths.lima_home):
        yield from _fact(path)
        yield from _fact(f"{path}/lima.yaml")
        yield from _fact(f"{path}/ha.stdout.log")  # a port was opened or closed


def _inside(folder: Path) -> list[str]:
    """The paths in a folder, without Lima's own folders and temporary files."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if not entry.name.startswith(("_", ".")))
    except OSError:
        return []


def _fact(path: str) -> Iterator[tuple[str, int, int]]:
    with suppress(OSError):
        facts = os.stat(path)  # noqa: PTH116  (plain strings: half the time, some hundred times a second)
        yield path, facts.st_mtime_ns, facts.st_ino
