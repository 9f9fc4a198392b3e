"""Signals that reach only the very process they are meant for."""

from __future__ import annotations

import os
from contextlib import suppress

from dvmweb.processes import is_alive


def send(pid: int, born: str, signal_number: int) -> bool:
    """Send a signal to the very process; return False when it is gone."""
    if not is_alive(pid, born):
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)
        return True
    return False
