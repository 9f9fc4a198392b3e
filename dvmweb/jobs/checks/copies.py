"""Finds a VM whose guest is a copy of that of another VM, although no record of it says so."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.guest.state import GuestState
from dvmweb.jobs.checks.outcome import Tools
from dvmweb.plans import PlanInput
from dvmweb.records import kept_records


def as_copy(tools: Tools, plan_input: PlanInput, state: GuestState) -> tuple[PlanInput, tuple[str, ...]]:
    """The plan input of a VM without a recorded identity, as that of a copy if another VM has the one in its guest.

    A VM whose own record names the identity is never taken for a copy, nor is a guest that responds for another one. A
    guest with the name of another VM is reported as its clone anyway.
    """
    vm, is_lost = plan_input.config.name, not plan_input.known_id and not plan_input.is_copy
    instance = plan_input.desired.instance
    if not is_lost or state.identity is None or tools.options.recipe:  # the last is for a temporary VM
        return plan_input, ()
    if state.hostname != f"lima-{instance}" or state.identity[0] != instance:
        return plan_input, ()
    other = kept_records.mark_copy(tools.paths, state.identity[1], vm)
    if not other:
        return plan_input, ()
    return replace(plan_input, is_copy=True), (
        f"{other} had the same identity and SSH key: {vm} is taken for a copy of it.",
    )
