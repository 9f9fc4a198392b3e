"""Reads the journal of a guest, by the units that its recipes declare, and the files of its last boot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dvmweb import states
from dvmweb.errors import CheckFailed, DvmError, NotFound, UsageError, sentence
from dvmweb.guest_text import visible
from dvmweb.names import instance_name, is_unit_name
from dvmweb.verbs.vms import Vms

if TYPE_CHECKING:
    from dvmweb.lima.boot_files import BootFiles
    from dvmweb.lima.client import Lima
    from dvmweb.lima.process import Finished
    from dvmweb.lima.script_payload import GuestScript
    from dvmweb.plans import PlanInput

MOST_LINES = 10_000
FOLLOW = 30 * 24 * 3600.0  # seconds; a forgotten one ends by itself
NO_UNIT, NO_JOURNAL, LOST = 66, 69, 255  # exit codes of journal.sh, and that of ssh


@dataclass(frozen=True)
class Wanted:
    """The requested part of a journal."""

    units: tuple[str, ...] = ()  # (): all of it
    lines: int = 200  # the last ones

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= MOST_LINES:
            raise UsageError(f"{self.lines} lines cannot be shown.", f"Use 1 to {MOST_LINES}.")


def units_of(vms: Vms, name: str) -> tuple[str, ...]:
    """The units that the recipes of a VM declare, in order. Raises NotFound, ConfigError."""
    from dvmweb import recipes
    from dvmweb.jobs.inputs import recipes_of

    return recipes.units(recipes_of(vms.paths, vms.check_config(name)))


def wanted(known: tuple[str, ...], unit: str, lines: int = 200) -> Wanted:
    """The request for `unit`, also without `dvm-` or with `.service`; "" for all that are declared."""
    if not unit:
        return Wanted(known, lines)
    plain = unit.removesuffix(".service")
    if not is_unit_name(plain):
        raise UsageError(f"{visible(unit, 60)!r} is not a unit name.", _known(known))
    found = next((one for one in (plain, f"dvm-{plain}") if one in known), unit)
    return Wanted((found,), lines)


def read(vms: Vms, name: str, what: Wanted, *, is_quiet: bool = False) -> bytes:
    """The last lines, unescaped guest text. Raises NotFound, CheckFailed."""
    plan_input, lima = _running(vms, name, is_quiet=is_quiet)
    finished = lima.query(plan_input.desired.instance, _question(plan_input, what))
    _judge(vms, name, finished)
    return finished.stdout


def follow(vms: Vms, name: str, what: Wanted, on_output: Callable[[bytes], None]) -> None:
    """Pass the last lines and all new ones to `on_output` until the guest ends. Raises NotFound, CheckFailed."""
    plan_input, lima = _running(vms, name)
    finished = lima.follow(
        plan_input.desired.instance, _question(plan_input, what, is_followed=True), FOLLOW, on_output
    )
    _judge(vms, name, finished)


def boot_files(vms: Vms, name: str) -> AbstractContextManager[BootFiles]:
    """The files of a VM's last boot, whether it responds or not. Entering raises NotFound, DvmError."""
    from dvmweb.lima import boot_files

    return boot_files.opened(vms.paths.lima_home, instance_name(name), name)


def _running(vms: Vms, name: str, *, is_quiet: bool = False) -> tuple[PlanInput, Lima]:
    vms.check_config(name)
    return vms.running(name, is_quiet=is_quiet)


def _question(plan_input: PlanInput, what: Wanted, *, is_followed: bool = False) -> GuestScript:
    from dvmweb.plans import journal_question

    return journal_question(plan_input, what.units, what.lines, is_followed=is_followed)


def _judge(vms: Vms, name: str, finished: Finished) -> None:
    if finished.is_ok:
        return
    reason = visible(finished.stderr.strip().splitlines()[-1] if finished.stderr.strip() else b"no reason given", 300)
    if finished.code == NO_UNIT and finished.ended == "exit":
        raise NotFound(sentence(f"{name}: {reason}"), _known(units_of(vms, name)))
    if finished.code == NO_JOURNAL and vms.paths.is_demo:
        raise CheckFailed(f"{name} has no journal: demo guests do not keep one.", "VMs of Lima do.")
    if finished.ended == "deadline" or finished.code == LOST:
        facts = replace(vms.standing(name, None, is_silent=True), status="Running")
        error = states.refusal("log", facts)
        raise CheckFailed(f"{name} does not respond (any more): {sentence(reason)}", error.todo if error else "")
    raise DvmError(
        sentence(f"The journal of {name} cannot be read: {reason}"),
        f"To read it directly: dvm ssh {name} -- journalctl",
    )


def _known(known: tuple[str, ...]) -> str:
    return (
        f"Units of its recipes: {', '.join(known)}."
        if known
        else "Its recipes declare no units. Without UNIT, everything is shown."
    )
