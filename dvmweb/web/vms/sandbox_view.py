"""The agent sandbox of a VM in one line; green only if the last test passed. Pure."""

from __future__ import annotations

from dvmweb.ages import age
from dvmweb.guest.agent import sandbox_report
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui.formatting import capital, count
from dvmweb.web.vms.work_line import StatusLine


def sandbox_line(vm: Vm, now: float) -> StatusLine | None:
    """Return the result of the last sandbox test; None for a VM without agents."""
    report, result = vm.sandbox, sandbox_report.standing(vm.sandbox, vm.made_of)
    if report is None:
        untested = StatusLine("blind", "eye-off", "Agent sandbox: not tested", detail="no sync has tested it")
        return untested if result == sandbox_report.UNTESTED else None
    tested = f"tested {age(report.at, now)}"
    if result == sandbox_report.FAILED:
        return StatusLine("bad", "warn", "Agent sandbox: FAILED", tested, capital(report.summary()))
    if result == sandbox_report.PASSED:
        checks = sum(one.checks for one in report.tested)
        return StatusLine("safe", "lock", f"Agent sandbox: passed ({count(checks, 'check', 'checks')})", tested)
    newer = "an agent was added since and is not tested"
    why = newer if report.result == sandbox_report.PASSED else capital(report.summary())
    return StatusLine("blind", "eye-off", "Agent sandbox: not known", tested, why)
