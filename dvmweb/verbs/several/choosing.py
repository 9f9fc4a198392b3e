"""Says which of several VMs a verb changes now, and why not the others. Pure."""

from __future__ import annotations

from dvmweb.guest_text import visible
from dvmweb.states import refusal
from dvmweb.verbs.vm import Vm, facts_of_listing

JOBS = {  # the jobs of each verb, one after the other
    "sync": ("sync",),
    "start": ("start",),
    "stop": ("stop",),
    "restart": ("stop", "start"),
}


def why_not(verb: str, vm: Vm) -> str:
    """Why a verb does nothing on a VM now, from its last listing, as a sentence; "" where its jobs can be started.

    The job checks all of it again.
    """
    if vm.kind == "unmanaged":
        return "It was not created by dvm."
    if vm.problem:
        return "Its config has errors, so no job can run on it."
    if vm.job is not None:
        return f"A job is running on it: {visible(vm.job.verb, 20)}."
    error = refusal(JOBS[verb][0], facts_of_listing(vm))
    if error is not None and not (vm.status == "Running" and verb in ("sync", "start")):  # these wait for the guest
        return error.what
    return _nothing_to_do(verb, vm)


def _nothing_to_do(verb: str, vm: Vm) -> str:
    is_running = vm.status == "Running"
    if verb == "start" and is_running and (vm.reach is None or vm.reach.answered):
        return "It is running already."
    if verb in ("stop", "restart") and not is_running:
        return "It is not running."
    return ""
