"""Faults for tests: `LIMA_HOME/_demo/faults.json` makes a command hang or fail.

The file maps a command (`list`, `start`, `shell`, `ssh`, `delete` ...) to what is to happen at each call of it:

    {"list":   {"hang": true}}                        sleeps until killed, beside a grandchild that ignores TERM and INT
    {"start":  {"exit": 1, "stderr": "no disk space"}} prints the text on stderr and ends with the code
    {"shell":  {"exit": 0, "stdout": "garbage"}}       the same with stdout
    {"create": {"after": true, "exit": 1}}             does the work first, then fails

No file means no fault. `hang` also works as the last thing after `stdout` and `stderr`.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def with_fault(home: Path, command: str, work: Callable[[], int]) -> int:
    """Run `work`, or what the faults file says in its place, and return the exit code."""
    fault = _planted(home, command)
    if fault is None:
        return work()
    if fault.get("after"):
        work()
    if fault.get("hang"):
        _leave_a_grandchild()
    sys.stdout.write(str(fault.get("stdout", "")))
    sys.stderr.write(str(fault.get("stderr", "")))
    sys.stdout.flush()
    sys.stderr.flush()
    while fault.get("hang"):
        time.sleep(3600)
    return int(fault.get("exit", 1))


def _planted(home: Path, command: str) -> dict[str, Any] | None:
    try:
        faults = json.loads((home / "_demo" / "faults.json").read_text())
    except (OSError, ValueError):
        return None
    fault = faults.get(command) if isinstance(faults, dict) else None
    return fault if isinstance(fault, dict) else None


def _leave_a_grandchild() -> None:
    import subprocess  # only a test pays for it

    def ignore() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    # An ignored signal stays ignored over exec: this grandchild holds our pipes until it gets KILL.
    subprocess.Popen(("sleep", "600"), preexec_fn=ignore)
