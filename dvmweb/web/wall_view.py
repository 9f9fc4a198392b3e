"""The wall around the agents of a VM as the pages show it: one line, never green where it was not tested. Pure."""

from __future__ import annotations

from dvmweb import wall
from dvmweb.vms import Vm
from dvmweb.web.wording import age, capital
from dvmweb.web.work_line import WorkLine


def wall_line(vm: Vm, now: float) -> WorkLine | None:
    """How the wall stood when it was tested last; None for a VM without agents."""
    report, result = vm.wall, wall.standing(vm.wall, vm.made_of)
    if report is None:
        untested = WorkLine("blind", "eye-off", "Wall not tested", detail="no sync has tested it")
        return untested if result == wall.UNTESTED else None
    tested = f"tested {age(report.at, now)}"
    if result == wall.HOLE:
        return WorkLine("bad", "warn", "The wall has a hole", tested, capital(report.summary()))
    if result == wall.HOLDS:
        return WorkLine("safe", "lock", "Wall holds", tested)
    newer = "an agent has come since, and no sync has tested it"
    why = newer if report.result == wall.HOLDS else capital(report.summary())
    return WorkLine("blind", "eye-off", "Wall not known", tested, why)
