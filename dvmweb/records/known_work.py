"""What is known of the unsaved work in a VM: the last complete report, a later failed check, and later use. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict
from dvmweb.guest_text import visible

CHECK_FAILED = "failed"  # in `facts_of`, for a check that failed
RAN, USED, IN_USE = "ran", "used", "in use"  # what can happen after a report


@dataclass(frozen=True)
class WorkStatus:
    """What is known of the unsaved work in a VM. A failed check or a later use does not discard earlier findings."""

    report: UnsavedWorkReport  # the last complete one; a failed check if no check has succeeded yet
    failed: UnsavedWorkReport | None = None  # the newest check if it failed after that report; it can have findings
    since: str = ""  # what happened after the report: RAN, IN_USE, USED, or "" for nothing

    @property
    def verdict(self) -> Verdict:
        """UNSAVED_WORK if any report names some; CLEAN only if the newest check is clean and the VM was not used since.

        CHECK_FAILED otherwise: it is not known.
        """
        if any(has_unsaved_work(one) for one in (self.report, self.failed) if one is not None):
            return Verdict.UNSAVED_WORK
        is_settled = self.failed is None and not self.since
        return self.report.verdict if is_settled else Verdict.CHECK_FAILED

    @property
    def is_doubted(self) -> bool:
        """Whether the last complete report is clean but no longer counts, and no unsaved work was found since."""
        return self.report.verdict is Verdict.CLEAN and self.verdict is Verdict.CHECK_FAILED

    @property
    def main_report(self) -> UnsavedWorkReport:
        """The report to show first: the last complete one, or the failed check if only that found unsaved work."""
        is_more = self.failed is not None and has_unsaved_work(self.failed) and not has_unsaved_work(self.report)
        return self.failed if self.failed is not None and is_more else self.report

    @property
    def summary(self) -> str:
        """The verdict as text, without ages; a clean report that no longer counts is "not known"."""
        return f"not known; before: {self.report.summary()}" if self.is_doubted else verdict_text(self.main_report)

    @property
    def last(self) -> UnsavedWorkReport:
        """The newest check, complete or failed."""
        return self.failed or self.report

    @property
    def has_worked(self) -> bool:
        """Whether there is a complete report."""
        return self.report.verdict is not Verdict.CHECK_FAILED

    @property
    def needs_name(self) -> bool:
        """Whether a delete requires the VM's name: there is unsaved work, or the last check failed.

        A clean report that is only stale does not: the delete checks again, and is refused if that is not clean.
        """
        return self.verdict is Verdict.UNSAVED_WORK or self.last.verdict is Verdict.CHECK_FAILED

    @property
    def digest(self) -> str:
        """A hash of everything that a page shows of it, except times."""
        parts = [one.facts_hash() for one in (self.report, self.failed) if one is not None]
        return parts[0] if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @property
    def bound_to(self) -> str:
        """What the check of a delete must find if the user decided by this status: see `facts_of`."""
        return facts_of(self.last)


def facts_of(report: UnsavedWorkReport) -> str:
    """The facts of one check as text to compare. For a failed check: that it failed, and the unsaved work it found.

    Why it failed does not count, because that can differ between two checks of the same VM.
    """
    if report.verdict is not Verdict.CHECK_FAILED:
        return report.facts_hash()
    return f"{CHECK_FAILED} {replace(report, problems=()).facts_hash()}" if has_unsaved_work(report) else CHECK_FAILED


def verdict_text(report: UnsavedWorkReport) -> str:
    """The verdict of one check as text; for a failed one the unsaved work that it found comes first."""
    if not (report.problems and has_unsaved_work(report)):
        return report.summary()
    return f"{replace(report, problems=()).summary()}, and the check was incomplete: {report.summary()}"


def has_unsaved_work(report: UnsavedWorkReport) -> bool:
    """Whether a report names unsaved work; that of a failed check can too."""
    return replace(report, problems=()).verdict is Verdict.UNSAVED_WORK


def with_found(newer: UnsavedWorkReport, older: UnsavedWorkReport) -> UnsavedWorkReport:
    """A failed check with the unsaved work that an earlier failed one found and this one did not check again."""
    seen = {one.path for one in newer.repositories if not _is_doubted(one.path, newer)}
    kept = [one for one in older.repositories if one.has_unsaved_work and one.path not in seen]
    names = {one.path for one in kept}
    ours = [one for one in newer.repositories if one.path not in names or one.has_unsaved_work]
    taken = {one.path for one in ours}
    loose = max(newer.loose, older.loose, key=lambda loose: loose.count) if not newer.digest else newer.loose
    repositories = (*ours, *(one for one in kept if one.path not in taken))
    unseen = newer.unseen if newer.digest else newer.unseen or older.unseen
    code_dir = newer.code_dir or older.code_dir
    return replace(newer, repositories=repositories, loose=loose, unseen=unseen, code_dir=code_dir)


def _is_doubted(path: str, report: UnsavedWorkReport) -> bool:
    """Whether the report has a problem in this repository, or below it."""
    shown = visible(path)
    places = (f"{shown}: ", f"{shown}/", f"./{shown}: ", f"./{shown}/")
    return any(problem.startswith(places) for problem in report.problems)
