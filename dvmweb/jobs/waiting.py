"""Waiting without taking one odd answer for the truth: listings are asked again, and a machine that ended is seen."""

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

LISTS = ("look-first", "trial-first", "must-exist", "deletable", "effective-config", "is-gone")  # checks that read one
TRIES = 3
PAUSE = 1.0  # seconds between two listings; during a start Lima says Broken for less than that
LOOK_EVERY = 5.0  # seconds between two looks whether the machine is still there


def listed(run: Callable[[], Finished], instance: str, cancelled: threading.Event) -> Finished:
    """A listing; one that failed, or in which `instance` is Broken, is asked again before anything is concluded."""
    for _ in range(TRIES - 1):
        finished = run()
        if finished.ended == CANCELLED or not _is_odd(finished, instance) or cancelled.wait(PAUSE):
            return finished
        if finished.ended != EXIT:  # it hung: once more, not twice
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
    """Raise DvmError with Lima's reason where the machine has ended, by two listings, while its guest is waited for."""
    found = None
    for _ in range(2):
        try:
            found = lima.find(plan_input.desired.instance)
        except DvmError:  # a listing that fails says nothing about the VM
            return
        if found is None or found.is_running or cancelled.wait(PAUSE):
            return
    if found is not None:
        raise _ended_meanwhile(plan_input, lima, found)


def _ended_meanwhile(plan_input: PlanInput, lima: Lima, instance: Instance) -> DvmError:
    vm = plan_input.config.name
    facts = replace(facts_about(lima.paths, vm, instance), holder="")  # the job that holds it is this one
    helps = states.refusal("ssh", facts)  # what a person who wants to get in has to do in that state
    reasons = dict.fromkeys((*instance.errors, *last_reasons(instance.directory)))
    what = (
        f"{vm} stopped running while dvm waited for its guest: it is {visible(instance.status or 'not readable')} now."
    )
    return DvmError("\n  ".join((what, *reasons)), helps.todo if helps else "")
