"""See changes of all VMs cheaply: stat files while somebody asks, and call limactl only when one of them changed.

Built by `verbs.monitor.watch_over(vms)`, which hands in what to do (this room does not know the verbs).
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
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

T = TypeVar("T")
TICK = 0.5  # seconds between two rounds of stat while somebody asks: under a millisecond for 50 VMs
GAP = 0.2  # seconds between two looks, however often a file changes
OLDEST = 10.0  # seconds after which a list is made again although no file changed (a killed VM changes none)
IDLE = 20.0  # seconds without a question after which the thread ends
SLOW = 2.0  # seconds after which a look that has not answered is told
FIRST = 2.0  # seconds that the very first question waits
PATIENCE = 0.05  # seconds that any later one waits, and only when a file has just changed
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Acts(Generic[T]):
    """What a watch does; none of it runs in a request."""

    look: Callable[[], tuple[T, ...]]  # one limactl call: all VMs; may take seconds
    remember: Callable[[tuple[T, ...]], tuple[T, ...]]  # the same VMs with what is noted on disk by now
    after: Callable[[tuple[T, ...]], None]  # gets the list at every tick; must not block


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """The last list, how old it is, and why there is no newer one."""

    vms: tuple[T, ...] = ()
    at: float = 0.0  # seconds since the epoch; 0 before the first answer
    problem: DvmError | None = None  # the list is still the last good one
    generation: int = 0  # another number, another list


class Watch(Generic[T]):
    """One list for all tabs: a thread that lives while somebody asks."""

    def __init__(self, paths: Paths, acts: Acts[T]) -> None:
        self._paths = paths
        self._acts = acts
        self._changed = threading.Condition()
        self._snapshot: Snapshot[T] = Snapshot()
        self._thread: threading.Thread | None = None
        self._asked = self._looked = self._began = 0.0  # monotonic seconds; `_began` is 0 while no look runs
        self._is_ended = False
        self._seen: Stamp | None = None  # the files before the last look
        self._noted: Stamp | None = None

    def snapshot(self, patience: float = 0.0) -> Snapshot[T]:
        """The VMs as last listed: at once, or within 2 s if there is no list yet.

        With `patience` (seconds) it waits so long for a new look where a file has changed since the last one.
        """
        with self._changed:
            self._asked = time.monotonic()
            self._wake()
            is_first = not self._snapshot.generation and self._snapshot.problem is None
            if is_first or stamp(self._paths) != self._seen:
                number, seen = self._snapshot.generation, self._seen
                self._changed.notify_all()  # the thread looks at once

                def has_looked() -> bool:
                    is_new = self._snapshot.generation != number or (bool(patience) and self._seen != seen)
                    return is_new or (is_first and self._snapshot.problem is not None)

                self._changed.wait_for(has_looked, FIRST if is_first else max(PATIENCE, patience))
            return self._told()

    def end(self) -> None:
        """Look no more; returns when the look that may be under way has ended."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _told(self) -> Snapshot[T]:
        waited = time.monotonic() - self._began if self._began else 0.0
        if waited < SLOW or self._snapshot.problem is not None:
            return self._snapshot
        problem = DvmError(
            f"`limactl list` has not finished for {int(waited)} s.",
            "The list shown is the last one. If this continues, find what hangs with `ps -ef`, or restart Lima's VMs.",
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
                if now - self._asked > IDLE:
                    self._thread = None
                    return
                waited = now - self._looked
                is_due = waited >= OLDEST or (seen != self._seen and waited >= GAP)
                self._began = now if is_due else 0.0
            if is_due:
                self._take(self._answer(), seen, noted)
            elif noted != self._noted:
                self._take(self._remembered(), self._seen, noted)
            self._acts.after(self._snapshot.vms)
            with self._changed:
                self._changed.wait(TICK if stamp(self._paths) == self._seen else GAP)

    def _take(self, new: Snapshot[T], seen: Stamp | None, noted: Stamp) -> None:
        """Keep a list, with the files as they were *before* it: what changes meanwhile is seen at the next tick."""
        with self._changed:
            if self._began:
                self._looked, self._began = time.monotonic(), 0.0
            self._snapshot, self._seen, self._noted = new, seen, noted
            self._changed.notify_all()

    def _answer(self) -> Snapshot[T]:
        try:
            return self._renewed(self._acts.look(), time.time(), None)
        except DvmError as error:
            return replace(self._snapshot, problem=error)
        except Exception as error:  # a fault in the background must be seen, not swallowed with its thread
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
    """A value that changes when an instance, a config or the set of jobs does: a new list is due."""
    return tuple(_watched_files(paths))


def notes(paths: Paths) -> Stamp:
    """A value that changes when something is noted about a VM or a job goes on: no limactl is needed to see it."""
    vms, jobs = _inside(paths.state / "vms"), _inside(paths.jobs)
    # The time of the note of a last use is set, so that of its folder does not change.
    every = (*vms, *(f"{vm}/{vm_use_marks.USED}" for vm in vms), *jobs)
    return tuple(fact for path in every for fact in _fact(path))


def _watched_files(paths: Paths) -> Iterator[tuple[str, int, int]]:
    # A folder's time changes with each file made, removed or renamed in it: pid files, sockets, whole writes.
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
    """What lies in a folder, without Lima's own folders and temporary files."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if not entry.name.startswith(("_", ".")))
    except OSError:
        return []


def _fact(path: str) -> Iterator[tuple[str, int, int]]:
    with suppress(OSError):
        facts = os.stat(path)  # noqa: PTH116  (plain strings: half the time, some hundred times a second)
        yield path, facts.st_mtime_ns, facts.st_ino
