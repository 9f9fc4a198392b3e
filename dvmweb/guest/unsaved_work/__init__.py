"""Unsaved work: parses and summarizes the guest's report of what a delete would lose. Runs nothing, stores nothing."""

from dvmweb.guest.unsaved_work.answer import parse_report
from dvmweb.guest.unsaved_work.facts import LooseFiles, Names, RepositoryReport, Unseen, Unsure
from dvmweb.guest.unsaved_work.report import UnsavedWorkReport, Verdict, failed_report, from_json
from dvmweb.guest.unsaved_work.words import NOT_CHECKED

__all__ = [
    "NOT_CHECKED",
    "LooseFiles",
    "Names",
    "RepositoryReport",
    "UnsavedWorkReport",
    "Unseen",
    "Unsure",
    "Verdict",
    "failed_report",
    "from_json",
    "parse_report",
]
