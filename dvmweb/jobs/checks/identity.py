"""Compares the identity that a guest reports with the one that dvm knows."""

from __future__ import annotations

from dvmweb.errors import CheckFailed
from dvmweb.guest.state import GuestState
from dvmweb.guest_text import visible
from dvmweb.plans import PlanInput


def differences(plan_input: PlanInput, state: GuestState) -> tuple[str, str]:
    """What to say about a clone, a renamed or a replaced VM: now, and once a sync has written what is its own.

    Raises CheckFailed for the wrong guest.
    """
    vm, expected_host = plan_input.config.name, f"lima-{plan_input.desired.instance}"
    if state.hostname != expected_host:
        raise CheckFailed(
            f"Another guest responded: its host name is {visible(state.hostname)}, not {expected_host}.",
            "A clone leads to its origin until its first start. Stop it, then sync again: "
            f"limactl stop {plan_input.desired.instance}",
        )
    if state.identity is None:
        if not plan_input.known_id:
            return "", ""
        what = f"This is not the VM {vm} that dvm"
        return f"{what} knows. A sync writes a new identity into it.", f"{what} knew. A new identity was written."
    name, guest_id = visible(state.identity[0]), state.identity[1]
    if plan_input.is_copy and guest_id != plan_input.known_id:
        own = "an identity and an SSH key" if has_key_to_come(plan_input) else "an identity"
        name = "another VM" if state.identity[0] == plan_input.desired.instance else name
        return (
            f"This VM is a clone of {name}. A sync makes its identity and its SSH key anew.",
            f"This VM was a clone of {name}; it now has {own} of its own.",
        )
    if state.identity[0] != plan_input.desired.instance:
        if guest_id == plan_input.known_id:
            was = f"This VM was {name} before"
            return f"{was}. A sync writes the new name into it.", f"{was}; the new name was written into it."
        key = (
            "It still has the SSH key of that VM. "
            f"To create a new key: `dvm ssh {vm} -- rm .ssh/id_ed25519`, then sync."
        )
        return (
            f"This VM is a clone of {name}. A sync writes a new identity into it. {key}",
            f"This VM was a clone of {name}; it now has an identity of its own. {key}",
        )
    if plan_input.known_id and guest_id != plan_input.known_id:
        raise CheckFailed(
            f"The guest of {name} is not the one that dvm created: it has another id.",
            f"If you replaced it yourself, remove {vm}'s folder below the state folder "
            "(`dvm ls --json` shows it), then sync again.",
        )
    return "", ""


def has_key_to_come(plan_input: PlanInput) -> bool:
    """Whether a clone is to make its SSH key anew, after its identity."""
    return plan_input.is_copy and not plan_input.config.is_service and not plan_input.key_note
