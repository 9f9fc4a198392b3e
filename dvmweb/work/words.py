"""The work report in words for people: one sentence, or the whole of it line by line, guest text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dvmweb.guest_text import visible

if TYPE_CHECKING:
    from dvmweb.work.report import Names, RepositoryReport, WorkReport

NOT_LOOKED = (
    "Not looked at: whatever lies outside the code folder (other files of the home, /etc, databases, containers), "
    "tags, commits that no branch holds any more, ignored folders that tools make again, and what is git's own in a "
    ".git folder (settings, hooks, data of LFS and annex, uploaded or not). "
    "What counts as pushed is the VM's own word: no remote was asked. Nobody can tell whether a remote had another "
    "address at the last push, or whether a host name or an ssh alias leads back into the VM. "
    "What is written after this look is not in it."
)
_KINDS_OF_FILE = {
    "conflicts": ("file with a conflict", "files with conflicts"),
    "staged": ("staged file", "staged files"),
    "unstaged": ("changed file", "changed files"),
    "untracked": ("untracked file", "untracked files"),
    "ignored": ("ignored file", "ignored files"),
    "hidden": ("file hidden from git", "files hidden from git"),
}


def summary(report: WorkReport) -> str:
    """The verdict: what is at risk and where, `nothing at risk`, or `could not look: ...`."""
    if report.problems:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        return f"could not look: {report.problems[0]}{more}"
    at_risk = [repository for repository in report.repositories if repository.is_at_risk]
    parts = []
    if at_risk:
        parts.append(f"{_joined(_found(at_risk))} in {_many(len(at_risk), 'repository', 'repositories')}")
    if report.loose.count:
        parts.append(_many(report.loose.count, "loose file", "loose files"))
    return ", and ".join(parts) if parts else "nothing at risk"


def lines(report: WorkReport) -> tuple[str, ...]:
    """One line each; an indented one belongs to the one above. The last says what was not looked at."""
    place = f"Looked in {visible(report.code_dir)}: " if report.code_dir else "The look: "
    shown = [f"{place}{summary(report)}."]
    shown += [f"Could not look: {problem}" for problem in report.problems[1:]]  # the first stands in the summary
    for repository in report.repositories:
        if repository.is_at_risk or repository.is_locked:
            shown += _about(repository)
    if report.loose.count:
        what = _many(report.loose.count, "loose file", "loose files")
        shown.append(f"{what}, {report.loose.bytes} bytes: {_listed(report.loose.count, report.loose.names)}")
    return (*shown, NOT_LOOKED)


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _joined(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _found(repositories: Iterable[RepositoryReport]) -> list[str]:
    # What is hardest to make again stands first.
    every = tuple(repositories)
    counts = [
        (sum(repository.unpushed for repository in every), "unpushed commit", "unpushed commits"),
        (sum(repository.stashes for repository in every), "stash", "stashes"),
    ]
    for name, (one, more) in _KINDS_OF_FILE.items():
        counts.append((sum(repository.files(name).count for repository in every), one, more))
    for operation in sorted({repository.operation for repository in every} - {""}):
        count = sum(repository.operation == operation for repository in every)
        counts.append((count, f"unfinished {operation}", f"unfinished {operation}s"))
    return [_many(count, one, more) for count, one, more in counts if count]


def _listed(count: int, names: tuple[str, ...]) -> str:
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return ", ".join(visible(name) for name in names) + more


def _about(repository: RepositoryReport) -> list[str]:
    branch = f"on {visible(repository.branch)}" if repository.branch else "detached HEAD"
    found = _joined(_found([repository])) or "nothing at risk"
    return [f"{visible(repository.path)} ({repository.kind}, {branch}): {found}", *_details(repository)]


def _details(repository: RepositoryReport) -> Iterable[str]:
    for short_id, subject in repository.commits:
        yield f"  commit {visible(short_id)} {visible(subject)}"
    if repository.unpushed > len(repository.commits):
        yield f"  … and {_many(repository.unpushed - len(repository.commits), 'commit', 'commits')} more"
    for name, count in repository.branches:
        yield f"  {visible(name)}: {_many(count, 'unpushed commit', 'unpushed commits')}"
    for title, (_, more) in _KINDS_OF_FILE.items():
        files: Names = repository.files(title)
        if files.count:
            yield f"  {more}: {_listed(files.count, files.names)}"
    for name in repository.local_remotes:
        yield f"  remote {visible(name)} is, or may be, a place inside this VM"
    if repository.unpushed and not repository.has_remote:
        yield "  no remote outside this VM"
    if repository.is_locked:
        yield "  git is at work there, or was killed (index.lock)"
