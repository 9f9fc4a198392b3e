"""A process is its pid together with its birth: the only way to know it again after the pid was used anew."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def birth(pid: int) -> str:
    """When `pid` began, in a form only good for comparing; "" when there is no such process or it is a zombie."""
    if sys.platform == "linux":
        try:
            facts = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if facts[0] in ("Z", "X") else facts[19]
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return ""


def is_alive(pid: int, born: str) -> bool:
    """Say whether the process that was `pid` when it was born is still there."""
    return pid > 0 and born != "" and birth(pid) == born


def send(pid: int, born: str, signal_number: int) -> bool:
    """Send a signal to the very process; return False when it is gone."""
    if not is_alive(pid, born):
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)
        return True
    return False
