"""What a delete would lose, in the one line of a card: never "nothing at risk" where nobody could look. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dvmweb.guest_text import visible
from dvmweb.vms import Vm
from dvmweb.web.wording import age, capital, count
from dvmweb.work import Verdict, WorkReport

_IN_REPOSITORIES = re.compile(r" in \d+ repositor(?:y|ies)")


@dataclass(frozen=True)
class WorkLine:
    """What a delete would lose, or how the wall stands, in a line."""

    tone: str  # safe risk bad blind
    icon: str
    word: str
    age: str = ""
    detail: str = ""


def work_line(vm: Vm, now: float) -> WorkLine | None:
    """The work line of a card: never "nothing at risk" where nobody could look; None where there is no guest."""
    if vm.kind == "unmanaged":
        return WorkLine("blind", "eye-off", "Not looked", detail="dvm did not make it and does not look into it")
    if vm.kind == "not created":
        return None
    if vm.work is None:
        return WorkLine("blind", "eye-off", "Not looked", detail="nobody has looked into it yet")
    if vm.has_run_since and vm.work.verdict is Verdict.CLEAN:
        asked = f"looked {age(vm.work.looked_at, now)}"
        return WorkLine("blind", "eye-off", "Not looked since it ran", asked, "nothing was at risk before that run")
    line = report_line(vm.work, now, is_stopped=vm.status == "Stopped" and not vm.has_run_since)
    if vm.config is None or not vm.config.is_service or line.detail:
        return line
    return replace(line, detail=f"in {visible(vm.config.code_dir)}; the service's own files are not looked at")


def report_line(report: WorkReport, now: float, *, is_stopped: bool = False) -> WorkLine:
    """One report in a line."""
    asked = f"looked {age(report.looked_at, now)}"
    if report.verdict is Verdict.COULD_NOT_LOOK:
        tried = asked.replace("looked", "tried", 1)
        return WorkLine("blind", "eye-off", "Could not look", tried, capital(visible(report.problems[0], 300)))
    stopped = "as it was before it was stopped" if is_stopped else ""
    if report.verdict is Verdict.CLEAN:
        return WorkLine("safe", "check", "Nothing at risk", asked, stopped)
    words = _IN_REPOSITORIES.sub("", report.summary())  # the detail says where
    return WorkLine("risk", "warn", capital(words), asked, _where(report) or stopped)


def _where(report: WorkReport) -> str:
    """Where the first work at risk lies, and how many more places there are; "" for loose files alone."""
    at_risk = [repository for repository in report.repositories if repository.is_at_risk]
    if not at_risk:
        return ""
    first, more = at_risk[0], len(at_risk) - 1
    branch = f" on {visible(first.branch, 60)}" if first.branch else ""
    return f"{place(report, first.path)}{branch}" + (
        f" and {count(more, 'more repository', 'more repositories')}" if more else ""
    )


def place(report: WorkReport, path: str) -> str:
    """Where a repository lies in the guest: a path below the code folder is told with it."""
    whole = path if path.startswith("/") else f"{report.code_dir}/{path}".removesuffix("/.")
    return visible(whole, 120)
