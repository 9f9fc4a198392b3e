"""The wall around the agents of a VM as the pages show it: one line, never green where it was not tested. Pure."""

from __future__ import annotations

from dvmweb import wall
from dvmweb.vms import Vm
from dvmweb.web.views import WorkLine
from dvmweb.web.wording import age, capital


def wall_line(vm: Vm, now: float) -> WorkLine | None:
    """How the wall stood when it was tested last; None for a VM without agents."""
    wanted = vm.config.recipes if vm.config else ()
    report = vm.wall
    if report is None:
        has_agents = vm.kind == "managed" and any(name in wall.AGENTS for name in wanted)
        return WorkLine("blind", "eye-off", "Wall not tested", detail="no sync has tested it") if has_agents else None
    tested, result = f"tested {age(report.at, now)}", report.result_for(wanted)
    if result == wall.HOLE:
        return WorkLine("bad", "warn", "The wall has a hole", tested, capital(report.summary()))
    if result == wall.HOLDS:
        return WorkLine("safe", "lock", "Wall holds", tested)
    untested = (
        "an agent has come since, and no sync has tested it"
        if report.result == wall.HOLDS
        else capital(report.summary())
    )
    return WorkLine("blind", "eye-off", "Wall not known", tested, untested)
