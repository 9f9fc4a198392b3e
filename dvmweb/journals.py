"""The journal of a guest: the units that its recipes name, their last lines, and what comes after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dvmweb.errors import CouldNotLook, DvmError, NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.names import is_unit_name
from dvmweb.vms import Vms

if TYPE_CHECKING:
    from dvmweb.lima.client import Lima
    from dvmweb.lima.guest_script import GuestScript
    from dvmweb.lima.process import Finished
    from dvmweb.plans import World

MOST_LINES = 10_000
FOLLOW = 30 * 24 * 3600.0  # seconds; one that is forgotten ends by itself
NO_UNIT, NO_JOURNAL, LOST = 66, 69, 255  # exit codes of _journal.sh, and that of ssh


@dataclass(frozen=True)
class Wanted:
    """Which part of a journal is asked for."""

    units: tuple[str, ...] = ()  # none: all of it
    lines: int = 200  # the last ones

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= MOST_LINES:
            raise UsageError(f"{self.lines} lines cannot be shown.", f"Ask for 1 to {MOST_LINES}.")


def units_of(vms: Vms, name: str) -> tuple[str, ...]:
    """The units that the recipes of a VM name, in their order. Raises NotFound, ConfigError."""
    from dvmweb import recipes
    from dvmweb.jobs.worlds import recipes_of

    return recipes.units(recipes_of(vms.paths, vms.check_config(name)))


def wanted(known: tuple[str, ...], unit: str, lines: int = 200) -> Wanted:
    """What is meant by `unit`: its name, also without `dvm-` or with `.service`; "" for all that are known."""
    if not unit:
        return Wanted(known, lines)
    plain = unit.removesuffix(".service")
    if not is_unit_name(plain):
        raise UsageError(f"{visible(unit, 60)!r} is not the name of a unit.", _known(known))
    found = next((one for one in (plain, f"dvm-{plain}") if one in known), unit)
    return Wanted((found,), lines)


def read(vms: Vms, name: str, what: Wanted, *, is_quiet: bool = False) -> bytes:
    """The last lines, as the guest wrote them: hostile. Raises NotFound, CouldNotLook."""
    world, lima = _running(vms, name, is_quiet=is_quiet)
    finished = lima.ask(world.wish.instance, _question(world, what))
    _judge(vms, name, finished)
    return finished.stdout


def follow(vms: Vms, name: str, what: Wanted, on_output: Callable[[bytes], None]) -> None:
    """Give the last lines to `on_output`, and all that come, until the guest is gone. Raises NotFound, CouldNotLook."""
    world, lima = _running(vms, name)
    finished = lima.follow(world.wish.instance, _question(world, what, is_followed=True), FOLLOW, on_output)
    _judge(vms, name, finished)


def _running(vms: Vms, name: str, *, is_quiet: bool = False) -> tuple[World, Lima]:
    vms.check_config(name)
    return vms.running(name, is_quiet=is_quiet)


def _question(world: World, what: Wanted, *, is_followed: bool = False) -> GuestScript:
    from dvmweb.plans import journal_question

    return journal_question(world, what.units, what.lines, is_followed=is_followed)


def _judge(vms: Vms, name: str, finished: Finished) -> None:
    if finished.is_ok:
        return
    said = visible(finished.stderr.strip().splitlines()[-1] if finished.stderr.strip() else b"no reason given", 300)
    if finished.code == NO_UNIT and finished.ended == "exit":
        raise NotFound(f"{name}: {said}.", _known(units_of(vms, name)))
    if finished.code == NO_JOURNAL and vms.paths.is_demo:
        raise CouldNotLook(f"{name} has no journal to show: guests of the demo keep none.", "Guests of Lima do.")
    if finished.ended == "deadline" or finished.code == LOST:
        raise CouldNotLook(f"{name} does not answer, or no longer: {said}.", f"See how it is: dvm ls, dvm start {name}")
    raise DvmError(f"The journal of {name} cannot be read: {said}.", f"Look yourself: dvm ssh {name} -- journalctl")


def _known(known: tuple[str, ...]) -> str:
    return f"Its recipes have: {', '.join(known)}." if known else "Its recipes name none; without a unit all is shown."
