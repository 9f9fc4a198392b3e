"""The findings of one check, as plain data: repositories, files outside them, and what was not checked."""

from __future__ import annotations

from dataclasses import dataclass

LISTS = ("conflicts", "staged", "unstaged", "untracked", "ignored", "hidden")
KINDS = ("worktree", "submodule", "linked", "bare", "gitdir")
REASONS = ("narrow", "no-refspec", "mirror")
OPERATIONS = ("merge", "rebase", "am", "cherry-pick", "revert", "bisect")


@dataclass(frozen=True)
class Names:
    """A count, and the first of the names (guest text; invalid UTF-8 kept by surrogateescape)."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unsure:
    """A branch with commits of which the VM cannot know whether they were pushed, and why."""

    branch: str  # or another reference
    count: int
    reason: str  # one of REASONS: what is wrong with the remote's fetch refspec
    remote: str
    there: str  # its name on the remote, "" for none


@dataclass(frozen=True)
class Unseen:
    """A folder that the main user cannot read."""

    path: str  # below the code folder, or absolute
    owner: str


@dataclass(frozen=True)
class RepositoryReport:
    """The facts of one repository or work tree; 0 and empty mean checked, and none found."""

    path: str  # below the code folder, or absolute
    kind: str  # one of KINDS
    branch: str = ""  # "" for a detached HEAD
    conflicts: Names = Names()
    staged: Names = Names()
    unstaged: Names = Names()
    untracked: Names = Names()
    ignored: Names = Names()
    hidden: Names = Names()  # Git ignores changes in them: assume-unchanged, skip-worktree
    operation: str = ""  # one of OPERATIONS, unfinished
    stashes: int = 0
    unpushed: int = 0  # commits on no configured remote; a push would have been recorded
    unknown: int = 0  # commits of which it is not known: this repository does not record a push of them
    commits: tuple[tuple[str, str], ...] = ()  # (short id, subject) of the first ones
    branches: tuple[tuple[str, int], ...] = ()  # (branch or other reference, commits not pushed)
    unsure: tuple[Unsure, ...] = ()
    has_remote: bool = True
    local_remotes: tuple[str, ...] = ()  # configured, but inside the VM
    is_locked: bool = False  # Git is running or was killed: a note, not unsaved work

    @property
    def has_unsaved_work(self) -> bool:
        has_files = any(self.files(name).count for name in LISTS)
        return bool(self.unpushed or self.unknown or self.stashes or self.operation) or has_files

    def files(self, name: str) -> Names:
        """The files of one of LISTS."""
        files: Names = getattr(self, name)
        return files


@dataclass(frozen=True)
class LooseFiles:
    """Files in the code folder that are in no repository."""

    count: int = 0
    bytes: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All findings of one check of one VM."""

    checked_at: float  # unix seconds, the host's clock
    code_dir: str
    repositories: tuple[RepositoryReport, ...] = ()
    loose: LooseFiles = LooseFiles()
    problems: tuple[str, ...] = ()  # with one or more, the check has failed
    skipped_ignored: tuple[str, ...] = ()  # folder names that tools can recreate
    skipped_loose: tuple[str, ...] = ()
    digest: str = ""  # SHA-256 over all names, also those that are not listed
    unseen: tuple[Unseen, ...] = ()  # not checked: never clean, but the check has not failed
    outside: Names = Names()  # repositories in the home folder outside the code folder, not checked
    is_outside_cut: bool = False  # the search for them did not finish
