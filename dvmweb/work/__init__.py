"""Work at risk: what the guest said that a delete would lose, and what it means. Runs nothing, stores nothing."""

from dvmweb.work.answer import parse_report
from dvmweb.work.report import (
    NOT_LOOKED,
    LooseFiles,
    Names,
    RepositoryReport,
    Verdict,
    WorkReport,
    could_not_look,
    from_json,
)

__all__ = [
    "NOT_LOOKED",
    "LooseFiles",
    "Names",
    "RepositoryReport",
    "Verdict",
    "WorkReport",
    "could_not_look",
    "from_json",
    "parse_report",
]
