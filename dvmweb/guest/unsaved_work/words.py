"""The report of the unsaved-work check as text: a summary, or all lines; guest text escaped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from dvmweb.errors import sentence
from dvmweb.guest.unsaved_work.facts import Findings, Names, RepositoryReport, Unsure
from dvmweb.guest_text import visible

NOT_CHECKED = (
    "Not checked: files outside the code folder (the rest of the home folder, /etc, databases, containers), tags on "
    "commits made elsewhere, commits that are no longer on any branch, ignored folders that tools can recreate, and "
    "Git's own files in .git (settings, hooks, LFS data, uploaded or not). "
    "What counts as pushed is as reported by the guest: no remote was asked. It is not known whether a remote had "
    "another address at the last push, or whether a host name or SSH alias points back into the VM. "
    "Changes after this check are not included."
)
CLEAN = "no unsaved work found"
_KINDS_OF_FILE = {
    "conflicts": ("file with a conflict", "files with conflicts"),
    "staged": ("staged file", "staged files"),
    "unstaged": ("changed file", "changed files"),
    "untracked": ("untracked file", "untracked files"),
    "ignored": ("ignored file", "ignored files"),
    "hidden": ("file hidden from Git", "files hidden from Git"),
}


def summary(report: Findings) -> str:
    """The verdict: the unsaved work, that none was found, or `check failed: ...`."""
    if report.problems:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        return f"check failed: {report.problems[0]}{more}"
    unsaved = [repository for repository in report.repositories if repository.has_unsaved_work]
    parts = []
    if unsaved:
        parts.append(f"{_joined(_found(unsaved))} in {_many(len(unsaved), 'repository', 'repositories')}")
    if report.loose.count:
        parts.append(_many(report.loose.count, "loose file", "loose files"))
    if report.unseen:
        parts.append(f"{_many(len(report.unseen), 'folder', 'folders')} that could not be read")
    return ", and ".join(parts) if parts else "; ".join((CLEAN, *beside(report)))


def beside(report: Findings) -> tuple[str, ...]:
    """What was not checked; shown also beside a clean verdict. Safe to show."""
    outside = (f"not checked: {_some(report.outside, 3)}",) if report.outside.count else ()
    return (*outside, "the search of the home folder did not finish") if report.is_outside_cut else outside


def unseen(report: Findings) -> tuple[str, ...]:
    """The folders that could not be read, each with its owner; safe to show."""
    return tuple(f"{visible(folder.path)} (owner {visible(folder.owner, 60)})" for folder in report.unseen)


def _some(names: Names, most: int) -> str:
    return _listed(names.count, names.names[:most])


def lines(report: Findings) -> tuple[str, ...]:
    """One line each; an indented one belongs to the one above. The last line says what was not checked."""
    shown = [sentence(_headline(report))]
    shown += [f"Check failed: {problem}" for problem in report.problems[1:]]  # the headline has the first
    for repository in report.repositories:
        if repository.has_unsaved_work or repository.is_locked:
            shown += _about(repository)
    if report.loose.count:
        what = _many(report.loose.count, "loose file", "loose files")
        shown.append(f"{what}, {report.loose.bytes} bytes: {_listed(report.loose.count, report.loose.names)}")
    shown += [f"Not checked, because it could not be read: {folder}" for folder in unseen(report)]
    if report.outside.count:
        what = _many(report.outside.count, "repository", "repositories")
        shown.append(f"{what} outside the code folder, not checked: {_some(report.outside, len(report.outside.names))}")
    if report.is_outside_cut:
        shown.append("The search of the home folder for repositories outside the code folder did not finish.")
    return (*shown, NOT_CHECKED)


def _headline(report: Findings) -> str:
    """The summary with the folder that was checked."""
    folder, text = visible(report.code_dir), summary(report)
    if not folder:
        return f"{text[0].upper()}{text[1:]}"
    has_work = report.loose.count or any(repository.has_unsaved_work for repository in report.repositories)
    return f"Unsaved work in {folder}: {text}" if has_work and not report.problems else f"{folder}: {text}"


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _joined(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _found(repositories: Iterable[RepositoryReport]) -> list[str]:
    # What is hardest to recreate comes first.
    every = tuple(repositories)
    counts = [
        (sum(repository.unpushed for repository in every), "commit not pushed", "commits not pushed"),
        (
            sum(repository.unknown for repository in every),
            "commit not known to be pushed",
            "commits not known to be pushed",
        ),
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
    found = _joined(_found([repository])) or CLEAN
    return [f"{visible(repository.path)} ({repository.kind}, {branch}): {found}", *_details(repository)]


_WHY = {
    "narrow": "the clone fetches only other branches of {remote}",
    "no-refspec": "the clone has no fetch refspec for {remote}",
    "mirror": "the clone mirrors {remote}, so its branches can be its own or the remote's",
}


def unsure(branch: Unsure) -> str:
    """Why it is not known whether a branch was pushed, and the command that finds out; safe to show."""
    why = _WHY[branch.reason].format(remote=visible(branch.remote, 60))
    many = _many(branch.count, "commit", "commits")
    return f"{visible(branch.branch)}: {many} not known to be pushed, because {why}. To find out: {clearing(branch)}"


def clearing(branch: Unsure) -> str:
    """The command that adds the branch to the fetch refspec and fetches it. Safe to show."""
    remote, there = _word(branch.remote), _word(branch.there)
    every = "refs/heads/*:refs/remotes"
    if branch.reason == "mirror":
        return f"git fetch {remote} {_word(f'+refs/*:refs/remotes/{branch.remote}/*')}"
    if branch.reason == "no-refspec":
        wide = _word(f"+{every}/{branch.remote}/*")
        return f"git config --add {_word(f'remote.{branch.remote}.fetch')} {wide} && git fetch {remote}"
    if branch.there:
        return f"git remote set-branches --add {remote} {there} && git fetch {remote} {there}"
    return f"git remote set-branches {remote} '*' && git fetch {remote}"


def _word(text: str) -> str:
    return shlex.quote(visible(text))


def _details(repository: RepositoryReport) -> Iterable[str]:
    for short_id, subject in repository.commits:
        yield f"  commit {visible(short_id)} {visible(subject)}"
    commits = repository.unpushed + repository.unknown
    if commits > len(repository.commits):
        yield f"  … and {_many(commits - len(repository.commits), 'commit', 'commits')} more"
    for name, count in repository.branches:
        yield f"  {visible(name)}: {_many(count, 'commit not pushed', 'commits not pushed')}"
    for branch in repository.unsure:
        yield f"  {unsure(branch)}"
    for title, (_, more) in _KINDS_OF_FILE.items():
        files: Names = repository.files(title)
        if files.count:
            yield f"  {more}: {_listed(files.count, files.names)}"
    for name in repository.local_remotes:
        yield f"  remote {visible(name)} is or may be inside this VM"
    if repository.unpushed and not repository.has_remote:
        yield "  no remote outside this VM"
    if repository.is_locked:
        yield "  Git is running there, or was killed (index.lock)"
