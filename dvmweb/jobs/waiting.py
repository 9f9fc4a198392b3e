"""Lists again before an error is reported, and detects a VM that stopped while its guest is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from dvmweb import states
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.jobs.current_state import facts_about
from dvmweb.lima.booting import last_reasons
from dvmweb.lima.client import Lima
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.process import CANCELLED, EXIT, Finished
from dvmweb.plans import PlanInput

LISTS = (
    "check-instance",
    "check-trial",
    "check-base",
    "is-base",
    "effective-copy",
    "must-exist",
    "deletable",
    "effective-config",
    "is-gone",
    "in-trash",
    "checkpointable",
    "checkpoint-made",
    "rewindable",
    "rewound",
)  # checks that read one
TRIES = 3
PAUSE = 1.0  # seconds between two listings; during a start, Lima reports Broken for less than that
CHECK_EVERY = 5.0  # seconds between two checks whether the VM still runs


def listed(run: Callable[[], Finished], instance: str, cancelled: threading.Event) -> Finished:
    """The result of a listing; repeated up to TRIES times if it failed or if `instance` is Broken in it."""
    for _ in range(TRIES - 1):
        finished = run()
        if finished.ended == CANCELLED or not _is_odd(finished, instance) or cancelled.wait(PAUSE):
            return finished
        if finished.ended != EXIT:  # it hung: list once more only
            break
    return run()


def _is_odd(finished: Finished, instance: str) -> bool:
    if not finished.is_ok:
        return True
    try:
        found = parse_list(finished.stdout, finished.stderr).find(instance)
    except DvmError:
        return True
    return found is not None and found.status == "Broken" and found.config is not None


def must_be_up(plan_input: PlanInput, lima: Lima, cancelled: threading.Event) -> None:
    """Raise DvmError with Lima's reason if the VM stopped running, by two listings."""
    found = None
    for _ in range(2):
        try:
            found = lima.find(plan_input.desired.instance)
        except DvmError:  # without a listing nothing is known about the VM
            return
        if found is None or found.is_running or cancelled.wait(PAUSE):
            return
    if found is not None:
        raise _ended_meanwhile(plan_input, lima, found)


def _ended_meanwhile(plan_input: PlanInput, lima: Lima, instance: Instance) -> DvmError:
    vm = plan_input.config.name
    facts = replace(facts_about(lima.paths, vm, instance), holder="")  # not this job itself
    helps = states.refusal("ssh", facts)  # what to do to enter a VM in that state
    reasons = dict.fromkeys((*instance.errors, *last_reasons(instance.directory)))
    what = (
        f"{vm} stopped running while dvm waited for its guest: it is {visible(instance.status or 'not readable')} now."
    )
    return DvmError("\n  ".join((what, *reasons)), helps.todo if helps else "")
