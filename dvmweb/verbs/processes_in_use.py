"""Finds the programs that would end with a terminal, or with all terminals of a VM."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from dvmweb import plans
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.guest.running_programs import parse_terminal
from dvmweb.guest_text import visible
from dvmweb.lima.deadlines import scaled
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.client import TerminalFacts, list_terminals
from dvmweb.terminals.launch import SHELL
from dvmweb.verbs import guest_access
from dvmweb.verbs.vms import Vm, Vms

MOST = 10  # programs to list
PATIENCE, LONGEST = 10.0, 60.0  # seconds for a fast guest, and for any: a user waits for the page


@dataclass(frozen=True)
class Occupied:
    """What runs in a terminal. If the check failed, `is_known` is False: that is never "nothing"."""

    is_known: bool
    programs: tuple[str, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Known to run nothing but its shell."""
        return self.is_known and not self.programs


@dataclass(frozen=True)
class Ending:
    """A terminal that would end while something runs in it, or that could not be checked."""

    terminal: TerminalFacts
    occupied: Occupied

    def __str__(self) -> str:
        what = ", ".join(self.occupied.programs) if self.occupied.is_known else "could not be checked"
        return f"{visible(self.terminal.name or self.terminal.id[:8], 40)}: {what}"


def what_a_stop_ends(vms: Vms, name: str) -> tuple[Ending, ...]:
    """The terminals that a stop of the VM would end, without those that are known to run nothing.

    Raises CheckFailed if the keeper does not respond, and the errors of the engine.
    """
    opened = [one for one in list_terminals(vms) if one.vm == name and not one.ended]
    vm = vms.listed(name) if opened else None
    found: list[Ending] = []
    for one in opened:
        # Do not wait for a guest that did not respond before.
        is_silent = any(not ending.occupied.is_known for ending in found) and one.command == SHELL
        occupied = Occupied(is_known=False) if is_silent else what_runs(vms, vm, one)
        if not occupied.is_idle:
            found.append(Ending(one, occupied))
    return tuple(found)


def what_runs(vms: Vms, vm: Vm | None, terminal: TerminalFacts) -> Occupied:
    """The programs in a terminal, read from the guest; for an agent's terminal that agent. Never raises."""
    if terminal.ended:
        return Occupied(is_known=True)
    if terminal.command != SHELL:
        agent = AGENTS.get(terminal.command)
        return Occupied(is_known=True, programs=(agent.label if agent else terminal.command,))
    if vm is None or vm.status != "Running":  # if the VM is stopped, its programs have ended
        return Occupied(is_known=vm is not None and vm.status == "Stopped")
    with suppress(DvmError, OSError):
        return _query(vms, vm, terminal.id)
    return Occupied(is_known=False)


def _query(vms: Vms, vm: Vm, terminal: str) -> Occupied:
    plan_input, lima = guest_access.of_listing(vms.paths, vms.environ, vm)
    patience = scaled(PATIENCE, plan_input.pace, LONGEST)
    answer = lima.query(plan_input.desired.instance, plans.terminal_question(plan_input, terminal), patience)
    programs = parse_terminal(answer.stdout, plan_input.nonce)
    if programs is None:
        raise CheckFailed("The guest does not know this terminal.")
    return Occupied(is_known=True, programs=tuple(visible(name, 40) for name in programs[:MOST]))
