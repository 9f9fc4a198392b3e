"""The report of the unsaved-work check: the findings with their verdict, as text and as JSON."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from dvmweb.errors import CheckFailed
from dvmweb.guest.unsaved_work import words
from dvmweb.guest.unsaved_work.facts import LISTS, Findings, LooseFiles, Names, RepositoryReport, Unseen, Unsure
from dvmweb.guest_text import visible

JSON_VERSION = 3  # 2: other words, see OLD_VERDICT; 1: by a check that ignored unknown layouts
READABLE = (2, JSON_VERSION)
OLD_VERDICT = "at risk"  # the word for UNSAVED_WORK before version 3; `checked_at` was `looked_at`


class Verdict(Enum):
    """What a report means for a delete; only with CLEAN the name need not be typed."""

    CLEAN = "clean"
    UNSAVED_WORK = "unsaved work"
    CHECK_FAILED = "check failed"


@dataclass(frozen=True)
class UnsavedWorkReport(Findings):
    """One check of one VM, as reported by the guest; only its form was verified."""

    @property
    def verdict(self) -> Verdict:
        if self.problems:
            return Verdict.CHECK_FAILED
        is_clean = not (self.loose.count or self.unseen or any(one.has_unsaved_work for one in self.repositories))
        return Verdict.CLEAN if is_clean else Verdict.UNSAVED_WORK

    def facts_hash(self) -> str:
        """SHA-256 (hex) of the facts, without times, sizes and locks."""
        repositories = tuple(replace(repository, is_locked=False) for repository in self.repositories)
        steady = replace(self, checked_at=0.0, loose=replace(self.loose, bytes=0), repositories=repositories)
        return hashlib.sha256(steady.to_json().encode("ascii")).hexdigest()

    def to_json(self) -> str:
        """ASCII JSON with `version`, `verdict`, `summary` and all facts; lone surrogates stand for invalid UTF-8."""
        head = {"version": JSON_VERSION, "verdict": self.verdict.value, "summary": self.summary()}
        return json.dumps(head | asdict(self), sort_keys=True)

    def summary(self) -> str:
        """The verdict as text, safe to show."""
        return words.summary(self)

    def lines(self) -> tuple[str, ...]:
        """The whole report as lines of text, safe to show; an indented line belongs to the one above."""
        return words.lines(self)


def failed_report(reason: str, code_dir: str = "", checked_at: float | None = None) -> UnsavedWorkReport:
    """The report of a failed check without findings; `checked_at` in unix seconds, now by default."""
    return UnsavedWorkReport(
        time.time() if checked_at is None else checked_at, code_dir, problems=(visible(reason, 600),)
    )


def from_json(text: str) -> UnsavedWorkReport:
    """Parse what `to_json` wrote. Raises CheckFailed if it has another version or is damaged."""
    try:
        facts = json.loads(text)
        if facts["version"] not in READABLE:
            raise ValueError(facts["version"])
        return UnsavedWorkReport(
            checked_at=float(facts["checked_at"] if "checked_at" in facts else facts["looked_at"]),  # see OLD_VERDICT
            code_dir=str(facts["code_dir"]),
            repositories=tuple(_repository(repository) for repository in facts["repositories"]),
            loose=LooseFiles(**_tuples(facts["loose"])),
            problems=_texts(facts["problems"]),
            skipped_ignored=_texts(facts["skipped_ignored"]),
            skipped_loose=_texts(facts["skipped_loose"]),
            digest=str(facts["digest"]),
            unseen=tuple(Unseen(**folder) for folder in facts["unseen"]),
            outside=Names(**_tuples(facts["outside"])),
            is_outside_cut=bool(facts["is_outside_cut"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckFailed("The stored report on unsaved work cannot be read.", "Run `dvm work NAME`.") from error


def _repository(facts: Mapping[str, Any]) -> RepositoryReport:
    lists = {name: Names(**_tuples(facts[name])) for name in LISTS}
    unsure = tuple(Unsure(**branch) for branch in facts["unsure"])
    return RepositoryReport(**{**_tuples(facts), **lists, "unsure": unsure})


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in facts.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value


def _texts(values: list[str]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
