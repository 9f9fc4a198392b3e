"""Faults for tests: `LIMA_HOME/_demo/faults.json` makes a command hang or fail.

The file maps a command (`list`, `start`, `shell`, `ssh`, `delete` ...) to its effect on each call:

    {"list":   {"hang": true}}                        sleeps until killed, with a grandchild that ignores TERM and INT
    {"start":  {"exit": 1, "stderr": "no disk space"}} prints the text on stderr and ends with the code
    {"shell":  {"exit": 0, "stdout": "garbage"}}       the same with stdout
    {"create": {"after": true, "exit": 1}}             does the work first, then fails
    {"list":   {"times": 1, "exit": 1}}                at the next call only

No file means no fault. `hang` can be combined with `stdout` and `stderr`, which are printed first.

`LIMA_HOME/NAME/fault.json` is for one run of one instance; the next start, or a forced stop, removes it:

    {"silent": true}          listed as Running, but not reachable: hung, rebooting, or without a network
    {"booting": true}         written before a start: the boot lasts until the file is deleted
    {"status": "Installing"}  listed with this status
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INSTANCE_FAULTS = "fault.json"


def with_fault(home: Path, command: str, work: Callable[[], int]) -> int:
    """Run `work`, or the fault planted for `command`; return the exit code."""
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


def of_instance(folder: Path) -> dict[str, Any]:
    """The faults of one instance, {} for none."""
    try:
        found = json.loads((folder / INSTANCE_FAULTS).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def forget(folder: Path) -> None:
    """Remove the faults of the last run at a new start or a forced stop, except a fault of the boot."""
    if not of_instance(folder).get("booting"):
        (folder / INSTANCE_FAULTS).unlink(missing_ok=True)


def _planted(home: Path, command: str) -> dict[str, Any] | None:
    try:
        faults = json.loads((home / "_demo" / "faults.json").read_text())
    except (OSError, ValueError):
        return None
    fault = faults.get(command) if isinstance(faults, dict) else None
    if not isinstance(fault, dict):
        return None
    if "times" in fault:
        left = {**faults, command: {**fault, "times": fault["times"] - 1}}
        if fault["times"] <= 1:
            del left[command]
        (home / "_demo" / "faults.json").write_text(json.dumps(left))
    return fault


def _leave_a_grandchild() -> None:
    import subprocess  # loaded only in tests

    def ignore() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    # Ignored signals stay ignored after exec: this grandchild keeps our pipes open until it gets KILL.
    subprocess.Popen(("sleep", "600"), preexec_fn=ignore)
