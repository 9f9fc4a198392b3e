"""What is known of the work in a VM: the last whole report, the check that failed since, and what came after. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict
from dvmweb.guest_text import visible

BLIND = "blind"  # the facts of a check that failed
RAN, USED, IN_USE = "ran", "used", "in use"  # what can come after a report


@dataclass(frozen=True)
class WorkStatus:
    """What is known of the work in a VM: neither a failed check nor a later use takes away what was found."""

    report: UnsavedWorkReport  # the last whole one; the check that failed where none has worked yet
    failed: UnsavedWorkReport | None = (
        None  # the newest check, where it failed after that; with what it found all the same
    )
    since: str = ""  # what came after the report: RAN, IN_USE or USED, "" where nothing is known to have

    @property
    def verdict(self) -> Verdict:
        """CLEAN only where the last word is a clean report and nothing was done since; else it is not known."""
        if any(has_risk(one) for one in (self.report, self.failed) if one is not None):
            return Verdict.AT_RISK
        is_settled = self.failed is None and not self.since
        return self.report.verdict if is_settled else Verdict.COULD_NOT_LOOK

    @property
    def is_doubted(self) -> bool:
        """A clean report that is not the last word, and nothing else found: it is not known how it stands now."""
        return self.report.verdict is Verdict.CLEAN and self.verdict is Verdict.COULD_NOT_LOOK

    @property
    def told(self) -> UnsavedWorkReport:
        """The check that says most: the failed one where it alone has found work at risk."""
        is_more = self.failed is not None and has_risk(self.failed) and not has_risk(self.report)
        return self.failed if self.failed is not None and is_more else self.report

    @property
    def summary(self) -> str:
        """The verdict in words, without ages; never that of a clean report that is not the last word."""
        return f"not known; before: {self.report.summary()}" if self.is_doubted else words_of(self.told)

    @property
    def last(self) -> UnsavedWorkReport:
        """The newest check, however it ended."""
        return self.failed or self.report

    @property
    def has_worked(self) -> bool:
        """Whether any check gave a whole report."""
        return self.report.verdict is not Verdict.COULD_NOT_LOOK

    @property
    def needs_name(self) -> bool:
        """Whether its name is typed before a VM is deleted: there is work, or the last check has failed.

        A clean report that is only stale needs none: the delete looks again, and ends where that is not as clean.
        """
        return self.verdict is Verdict.AT_RISK or self.last.verdict is Verdict.COULD_NOT_LOOK

    @property
    def digest(self) -> str:
        """A hash over all that a page shows of it; times do not count."""
        parts = [one.facts_hash() for one in (self.report, self.failed) if one is not None]
        return parts[0] if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @property
    def bound_to(self) -> str:
        """What the last look of a delete that is decided by this must find: see `facts_of`."""
        return facts_of(self.last)


def facts_of(report: UnsavedWorkReport) -> str:
    """The facts of one check, for comparing: of a failed one that it failed, and what it found at risk all the same.

    The reasons of a failed check differ from time to time, so they do not count.
    """
    if report.verdict is not Verdict.COULD_NOT_LOOK:
        return report.facts_hash()
    return f"{BLIND} {replace(report, problems=()).facts_hash()}" if has_risk(report) else BLIND


def words_of(report: UnsavedWorkReport) -> str:
    """The verdict of one check in words, with what a failed one found all the same."""
    if not (report.problems and has_risk(report)):
        return report.summary()
    return f"{replace(report, problems=()).summary()}, and the check was incomplete: {report.summary()}"


def has_risk(report: UnsavedWorkReport) -> bool:
    """Say whether it names work at risk; one that is not whole may as well."""
    return replace(report, problems=()).verdict is Verdict.AT_RISK


def with_found(newer: UnsavedWorkReport, older: UnsavedWorkReport) -> UnsavedWorkReport:
    """A failed check with what an earlier failed one found at risk: only a look into that very place clears it."""
    seen = {one.path for one in newer.repositories if not _is_doubted(one.path, newer)}
    kept = [one for one in older.repositories if one.is_at_risk and one.path not in seen]
    names = {one.path for one in kept}
    ours = [one for one in newer.repositories if one.path not in names or one.is_at_risk]
    taken = {one.path for one in ours}
    loose = max(newer.loose, older.loose, key=lambda loose: loose.count) if not newer.digest else newer.loose
    repositories = (*ours, *(one for one in kept if one.path not in taken))
    unseen = newer.unseen if newer.digest else newer.unseen or older.unseen
    code_dir = newer.code_dir or older.code_dir
    return replace(newer, repositories=repositories, loose=loose, unseen=unseen, code_dir=code_dir)


def _is_doubted(path: str, report: UnsavedWorkReport) -> bool:
    """Whether something went wrong in that very repository, or below it."""
    shown = visible(path)
    places = (f"{shown}: ", f"{shown}/", f"./{shown}: ", f"./{shown}/")
    return any(problem.startswith(places) for problem in report.problems)
