"""Adds up the CPU time and memory of the processes of a demo guest: those in its PID namespace. Linux only."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.host_ports import sandbox_of

KEPT = 5.0  # seconds for which one pass over all processes serves all guests
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Use:
    """What the processes of a guest use."""

    ticks: int  # of CPU time, also of processes that have ended
    memory: int  # bytes that are resident; memory that two processes share counts twice


_lock = threading.Lock()
_seen: tuple[float, dict[str, Use]] = (0.0, {})


def use_of(first_pid: int) -> Use | None:
    """The use of the guest whose first process has this PID; None if that is not known."""
    namespace = sandbox_of(first_pid) if sys.platform == "linux" else ""
    return _every().get(namespace) if namespace else None


def _every() -> dict[str, Use]:
    """By PID namespace, what its processes use."""
    global _seen
    with _lock:
        if not 0 <= time.monotonic() - _seen[0] < KEPT:
            _seen = time.monotonic(), _sum_up()
        return _seen[1]


def _sum_up() -> dict[str, Use]:
    found: dict[str, Use] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (namespace := sandbox_of(int(folder.name))):
            with suppress(OSError, ValueError, IndexError):
                before = found.get(namespace, Use(0, 0))
                words = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                pages = int((folder / "statm").read_bytes().split()[1])
                # Own time, and that of children that have ended.
                found[namespace] = Use(before.ticks + sum(map(int, words[11:15])), before.memory + pages * PAGE)
    return found
