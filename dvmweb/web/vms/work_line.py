"""Unsaved work in one line; green only if the newest check is clean and nothing came after it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dvmweb.ages import age
from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict
from dvmweb.guest.unsaved_work.words import beside, unseen
from dvmweb.guest_text import visible
from dvmweb.records.known_work import IN_USE, RAN, USED, WorkStatus, has_unsaved_work
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui.formatting import capital, count

_IN_REPOSITORIES = re.compile(r" in \d+ repositor(?:y|ies)")


@dataclass(frozen=True)
class StatusLine:
    """Unsaved work, or the state of the agent sandbox, in one line."""

    tone: str  # safe risk bad blind
    icon: str
    word: str
    age: str = ""
    detail: str = ""
    found: str = ""  # the unsaved work in words, "" for none


def work_line(vm: Vm, now: float) -> StatusLine | None:
    """Return the unsaved work of a VM in one line; None for a VM that is not created."""
    if vm.kind == "unmanaged":
        return StatusLine("blind", "eye-off", "Not checked", detail="dvm checks only VMs that it created")
    if vm.kind == "not created":
        return None
    if vm.known is None:
        return StatusLine("blind", "eye-off", "Not checked yet")
    line = known_line(vm.known, now, is_running=vm.status == "Running")
    return replace(line, detail=_joined(limits(vm), line.detail))


def limits(vm: Vm) -> str:
    """Return what the check of a service VM does not cover, "" for a project; the report has it in full."""
    if vm.config is None or not vm.config.is_service:
        return ""
    return f"in {visible(vm.config.code_dir)}; service data not checked"


def known_line(known: WorkStatus, now: float, *, is_running: bool = True) -> StatusLine:
    """Return in one line: the last complete report, what came after it, and a later check that failed."""
    line = report_line(known.report, now)
    came = since_words(known.since, is_running=is_running)
    if known.report.verdict is Verdict.CLEAN and known.verdict is not Verdict.CLEAN:
        return _no_longer_clean(known, now, came)
    if known.has_worked and came:
        line = replace(line, detail=_joined(line.detail, came))
    elif known.report.verdict is Verdict.CLEAN and not is_running:
        line = replace(line, detail=_joined(line.detail, "before it was stopped"))
    return replace(line, detail=_joined(line.detail, failed_words(known, now)))


def _no_longer_clean(known: WorkStatus, now: float, came: str) -> StatusLine:
    """Return the line for a clean report that is out of date: what was known, and why it no longer counts."""
    if known.failed is not None and known.verdict is Verdict.UNSAVED_WORK:
        line = report_line(known.failed, now)
        before = f"no unsaved work found {age(known.report.checked_at, now)}"
        return replace(line, detail=_joined(line.detail, came, before))
    checked = f"last checked {age(known.report.checked_at, now)}"
    found = _joined("no unsaved work found then", failed_words(known, now))
    return StatusLine("blind", "eye-off", capital(came) if came else "Not known", checked, found)


def since_words(since: str, *, is_running: bool) -> str:
    """Return what came after a report, as part of a sentence; "" for nothing."""
    ran = "not checked since it was started" if is_running else "not checked since it last ran"
    return {RAN: ran, USED: "used since the check", IN_USE: "in use now"}.get(since, "")


def failed_words(known: WorkStatus, now: float) -> str:
    """Return why and when the newest check failed after a complete report; "" if it did not."""
    if known.failed is None:
        return ""
    return f"last check failed {age(known.failed.checked_at, now)}: {visible(known.failed.problems[0], 300)}"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def report_line(report: UnsavedWorkReport, now: float) -> StatusLine:
    """Return one report in one line; what a failed check still found comes first."""
    checked = f"checked {age(report.checked_at, now)}"
    found = replace(report, problems=(), unseen=())
    if report.problems and not has_unsaved_work(found):
        tried = checked.replace("checked", "tried", 1)
        return StatusLine("blind", "eye-off", "Check failed", tried, reason(report.problems[0], 300))
    closed = f"no permission: {', '.join(unseen(report)[:3])}" if report.unseen else ""
    if not has_unsaved_work(found) and closed:
        word = f"{count(len(report.unseen), 'folder', 'folders')} not checked"
        return StatusLine("blind", "eye-off", word, checked, _joined(closed, *beside(report)))
    if not has_unsaved_work(found):
        return StatusLine("safe", "check", "No unsaved work found", checked, _joined(*beside(report)))
    words = _IN_REPOSITORIES.sub("", found.summary())  # the detail names the places
    more = f"check incomplete: {visible(report.problems[0], 300)}" if report.problems else ""
    return StatusLine("risk", "warn", f"Unsaved work: {words}", checked, _joined(_where(report), closed, more), words)


def _where(report: UnsavedWorkReport) -> str:
    """Return the first place with unsaved work and the number of others; "" for loose files alone."""
    unsaved = [repository for repository in report.repositories if repository.has_unsaved_work]
    if not unsaved:
        return ""
    first, more = unsaved[0], len(unsaved) - 1
    branch = f" on {visible(first.branch, 60)}" if first.branch else ""
    return f"{place(report, first.path)}{branch}" + (
        f" and {count(more, 'more repository', 'more repositories')}" if more else ""
    )


def reason(problem: str, most: int = 600) -> str:
    """Return why a check failed; a path at its start keeps its case."""
    text = visible(problem, most)
    return text if ": " in text else capital(text)


def place(report: UnsavedWorkReport, path: str) -> str:
    """Return the path of a repository in the guest; one below the code folder is shown with it."""
    whole = path if path.startswith("/") else f"{report.code_dir}/{path}".removesuffix("/.")
    return visible(whole, 120)
