"""The work report as data: the facts of one look, what they mean for a delete, and its JSON."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from dvmweb.errors import CouldNotLook
from dvmweb.guest_text import visible
from dvmweb.work import words
from dvmweb.work.words import NOT_LOOKED

__all__ = ["NOT_LOOKED"]

JSON_VERSION = 1
LISTS = ("conflicts", "staged", "unstaged", "untracked", "ignored", "hidden")
KINDS = ("worktree", "submodule", "linked", "bare", "gitdir")
OPERATIONS = ("merge", "rebase", "am", "cherry-pick", "revert", "bisect")


class Verdict(Enum):
    """What a report means for a delete; only CLEAN needs no name typed."""

    CLEAN = "clean"
    AT_RISK = "at risk"
    COULD_NOT_LOOK = "could not look"


@dataclass(frozen=True)
class Names:
    """How many there are, and the first of their names (guest text; odd bytes kept by surrogateescape)."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RepositoryReport:
    """The facts of one repository or work tree; nought and empty mean that somebody looked and found none."""

    path: str  # below the code folder, or absolute
    kind: str  # one of KINDS
    branch: str = ""  # "" for a detached HEAD
    conflicts: Names = Names()
    staged: Names = Names()
    unstaged: Names = Names()
    untracked: Names = Names()
    ignored: Names = Names()
    hidden: Names = Names()  # git was told not to look at them: assume-unchanged, skip-worktree
    operation: str = ""  # one of OPERATIONS, half done
    stashes: int = 0
    unpushed: int = 0  # commits that no configured remote is known to have
    commits: tuple[tuple[str, str], ...] = ()  # (short id, subject) of the first ones
    branches: tuple[tuple[str, int], ...] = ()  # (branch or other reference, unpushed commits)
    has_remote: bool = True
    local_remotes: tuple[str, ...] = ()  # configured, but a place inside the VM
    is_locked: bool = False  # git is at work or was killed: a note, no loss by itself

    @property
    def is_at_risk(self) -> bool:
        return bool(self.unpushed or self.stashes or self.operation) or any(self.files(name).count for name in LISTS)

    def files(self, name: str) -> Names:
        """The files of one of LISTS."""
        files: Names = getattr(self, name)
        return files


@dataclass(frozen=True)
class LooseFiles:
    """Files below the code folder outside every repository."""

    count: int = 0
    bytes: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkReport:
    """One look into one VM: the guest's word, checked for form only."""

    looked_at: float  # unix seconds, the host's clock
    code_dir: str
    repositories: tuple[RepositoryReport, ...] = ()
    loose: LooseFiles = LooseFiles()
    problems: tuple[str, ...] = ()  # one is enough for "could not look"
    skipped_ignored: tuple[str, ...] = ()  # folder names that tools make again
    skipped_loose: tuple[str, ...] = ()
    digest: str = ""  # SHA-256 over all names, also those beyond the first ones

    @property
    def verdict(self) -> Verdict:
        if self.problems:
            return Verdict.COULD_NOT_LOOK
        is_at_risk = self.loose.count or any(repository.is_at_risk for repository in self.repositories)
        return Verdict.AT_RISK if is_at_risk else Verdict.CLEAN

    def facts_hash(self) -> str:
        """SHA-256 in hex over the facts, without what changes by itself: times, sizes, locks."""
        repositories = tuple(replace(repository, is_locked=False) for repository in self.repositories)
        steady = replace(self, looked_at=0.0, loose=replace(self.loose, bytes=0), repositories=repositories)
        return hashlib.sha256(steady.to_json().encode("ascii")).hexdigest()

    def to_json(self) -> str:
        """One ASCII object with `version`, `verdict`, `summary` and every fact; lone surrogates stand for odd bytes."""
        head = {"version": JSON_VERSION, "verdict": self.verdict.value, "summary": self.summary()}
        return json.dumps(head | asdict(self), sort_keys=True)

    def summary(self) -> str:
        """The verdict in words, safe to show."""
        return words.summary(self)

    def lines(self) -> tuple[str, ...]:
        """The whole report for people, one line each, safe to show; indented lines belong to the one above."""
        return words.lines(self)


def could_not_look(reason: str, code_dir: str = "", looked_at: float | None = None) -> WorkReport:
    """A report that says only why nobody could look; `looked_at` in unix seconds, now by default."""
    return WorkReport(time.time() if looked_at is None else looked_at, code_dir, problems=(visible(reason, 600),))


def from_json(text: str) -> WorkReport:
    """Read what `to_json` wrote; raise CouldNotLook when it is of another version or damaged."""
    try:
        facts = json.loads(text)
        if facts["version"] != JSON_VERSION:
            raise ValueError(facts["version"])
        return WorkReport(
            looked_at=float(facts["looked_at"]),
            code_dir=str(facts["code_dir"]),
            repositories=tuple(_repository(repository) for repository in facts["repositories"]),
            loose=LooseFiles(**_tuples(facts["loose"])),
            problems=_texts(facts["problems"]),
            skipped_ignored=_texts(facts["skipped_ignored"]),
            skipped_loose=_texts(facts["skipped_loose"]),
            digest=str(facts["digest"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CouldNotLook("The stored work report cannot be read.", "Look again: dvm work NAME.") from error


def _repository(facts: Mapping[str, Any]) -> RepositoryReport:
    lists = {name: Names(**_tuples(facts[name])) for name in LISTS}
    return RepositoryReport(**{**_tuples(facts), **lists})


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in facts.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value


def _texts(values: list[str]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
