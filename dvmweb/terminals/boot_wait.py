"""Makes a new terminal wait, with a message, until its guest responds, instead of ending with an ssh error."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dvmweb.jobs.current_state import facts_about
from dvmweb.lima.booting import is_booting
from dvmweb.lima.client import Lima
from dvmweb.names import instance_name
from dvmweb.states import State, refusal

POLL = 1.0  # seconds between checks of the boot files
CHECK_EVERY = 5.0  # seconds between listings, and between connection attempts to a silent guest
QUICK = 5.0  # seconds for the shared connection to respond
PATIENCE = 60.0  # seconds without a response after which the message says what to do
OPENS = "This terminal opens as soon as the guest responds. Press Ctrl-C to cancel."


def wait_for_guest(lima: Lima, vm: str, show: Callable[[str], None]) -> None:
    """Return once the guest responds. Raises an error with the next step where the VM is not running (any more)."""
    instance = instance_name(vm)
    folder = str(Path(lima.paths.lima_home) / instance)
    if not is_booting(folder) and lima.answers(instance, QUICK, fresh=False):
        return
    began, shown = time.monotonic(), ("", False)
    while True:
        facts = facts_about(lima.paths, vm, lima.find(instance), is_silent=not is_booting(folder))
        state = facts.state
        error = refusal("ssh", facts)
        if error is not None and state not in (State.BOOTING, State.SILENT):
            raise error
        if not is_booting(folder) and lima.answers(instance):
            return
        is_long = state is State.SILENT and time.monotonic() - began > PATIENCE
        if (state.value, is_long) != shown:
            shown = (state.value, is_long)
            what = error.what if error is not None else f"{vm} does not respond yet."
            show(" ".join((what, *([error.todo] if is_long and error is not None else []), OPENS)))
        _pass(folder)


def _pass(folder: str) -> None:
    """Wait until the boot has ended, or it is time to check again."""
    until = time.monotonic() + CHECK_EVERY
    was_booting = is_booting(folder)
    while time.monotonic() < until and is_booting(folder) == was_booting:
        time.sleep(POLL)
