"""A process is its pid together with its birth: the only way to recognise it after the pid was reused."""

from __future__ import annotations

import sys
from pathlib import Path


def birth(pid: int) -> str:
    """When `pid` began, in a form only good for comparing; "" when there is no such process or it is a zombie.

    On Linux in ticks since boot, with the boot's id: a step of the wall-clock does not move them.
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
    """Say whether the process that was `pid` when it was born is still there."""
    return pid > 0 and born != "" and birth(pid) == born
