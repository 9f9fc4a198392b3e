"""Sends signals to processes without hitting a reused pid."""

from __future__ import annotations

import os
from contextlib import suppress

from dvmweb.process_identity import is_alive


def send(pid: int, born: str, signal_number: int) -> bool:
    """Send a signal to the process; return False if it does not exist any more."""
    if not is_alive(pid, born):
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)
        return True
    return False
