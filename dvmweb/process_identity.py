"""Identifies a process by PID and start time, because PIDs are reused."""

from __future__ import annotations

import sys
from pathlib import Path


def birth(pid: int) -> str:
    """The start time of a process, only for comparing; "" if it does not exist or is a zombie.

    On Linux in ticks since boot, with the boot's id, so changes of the clock do not matter.
    """
    if sys.platform == "linux":
        try:
            facts = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""
        return "" if facts[0] in ("Z", "X") else f"{boot} {facts[19]}"
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return ""


def is_alive(pid: int, born: str) -> bool:
    """Whether the process with this PID and start time still exists."""
    return pid > 0 and born != "" and birth(pid) == born
