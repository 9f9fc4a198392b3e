"""An unsaved-work report as a page shows it: repositories, loose files, and what was not checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dvmweb.ages import age, is_older
from dvmweb.guest.unsaved_work import NOT_CHECKED, Names, RepositoryReport, UnsavedWorkReport, Verdict
from dvmweb.guest.unsaved_work.words import unseen, unsure
from dvmweb.guest_text import visible
from dvmweb.records.known_work import WorkStatus
from dvmweb.web.ui.formatting import capital, count, size
from dvmweb.web.vms.work_line import known_line, place, reason, since_words

STALE = 600.0  # seconds after which a report is called old
KINDS = {
    "worktree": "",
    "submodule": "a submodule",
    "linked": "a linked work tree",
    "bare": "a bare repository",
    "gitdir": "a Git folder without a work tree",
}
FILES = {
    "conflicts": ("file with a conflict", "files with conflicts"),
    "staged": ("staged file", "staged files"),
    "unstaged": ("changed file", "changed files"),
    "untracked": ("untracked file", "untracked files"),
    "ignored": ("ignored file", "ignored files"),
    "hidden": ("file hidden from Git", "files hidden from Git"),
}


@dataclass(frozen=True)
class Fact:
    """One kind of unsaved work, with names."""

    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RepositoryView:
    """One repository with its unsaved work."""

    path: str
    mark: str  # its unsaved work in a few words: "3 not pushed"
    has_unsaved_work: bool
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class FailedView:
    """The newest check, if it failed after a complete report."""

    age: str
    problems: tuple[str, ...]
    repositories: tuple[RepositoryView, ...]  # unsaved work that it still found and the report before does not contain
    loose: Fact | None


@dataclass(frozen=True)
class WorkView:
    """What is known about the work in a VM: the last complete report, and what came after it."""

    has_unsaved: bool  # unsaved work was found
    is_clean: bool  # the newest check is clean, and nothing came after it
    found: str  # the unsaved work in words, "" for none
    has_worked: bool  # there is a complete report
    since: str  # what came after it, in words
    failed: FailedView | None
    age: str  # how long ago
    is_old: bool
    has_found: bool  # any repository or file
    code_dir: str
    problems: tuple[str, ...]
    repositories: tuple[RepositoryView, ...]  # with unsaved work, or locked by Git
    clean: int  # the number of other repositories
    loose: Fact | None
    unseen: tuple[str, ...]  # folders without read permission, each with its owner
    is_only_unseen: bool  # everything else was checked, and no unsaved work was found
    outside: Fact | None  # repositories outside the code folder, not checked
    not_checked: str
    skipped: str
    digest: str  # of the facts, sent back by the deletion page


def work_view(known: WorkStatus, now: float, *, is_running: bool = True) -> WorkView:
    """Return what is known at `now`, seconds since the epoch."""
    report = known.report
    shown = tuple(_repository(report, one) for one in report.repositories if one.has_unsaved_work or one.is_locked)
    left_out = sorted({*report.skipped_ignored, *report.skipped_loose})
    return WorkView(
        has_unsaved=known.verdict is Verdict.UNSAVED_WORK,
        is_clean=known.verdict is Verdict.CLEAN,
        found=known_line(known, now, is_running=is_running).found,
        has_worked=known.has_worked,
        since=capital(since_words(known.since, is_running=is_running)),
        failed=_failed(known.failed, now, shown, report) if known.failed is not None else None,
        age=age(report.checked_at, now),
        is_old=is_older(report.checked_at, STALE, now),
        has_found=bool(report.repositories or report.loose.count),
        code_dir=visible(report.code_dir),
        problems=_problems(report),
        repositories=shown,
        clean=len(report.repositories) - len(shown),
        loose=_loose(report),
        unseen=unseen(report),
        is_only_unseen=bool(report.unseen) and replace(report, unseen=()).verdict is Verdict.CLEAN,
        outside=_outside(report),
        not_checked=capital(NOT_CHECKED.removeprefix("Not checked: ")),
        skipped=", ".join(visible(name, 60) for name in left_out[:40]),
        digest=known.digest,
    )


def _failed(
    report: UnsavedWorkReport, now: float, shown: tuple[RepositoryView, ...], before: UnsavedWorkReport
) -> FailedView:
    """Return what the failed check found beyond the report `before` it, which the same page shows."""
    found = (_repository(report, one) for one in report.repositories if one.has_unsaved_work)
    loose = _loose(report) if report.loose != before.loose else None
    return FailedView(age(report.checked_at, now), _problems(report), tuple(x for x in found if x not in shown), loose)


def _problems(report: UnsavedWorkReport) -> tuple[str, ...]:
    return tuple(map(reason, report.problems))


def _loose(report: UnsavedWorkReport) -> Fact | None:
    number, size_bytes, names = report.loose.count, report.loose.bytes, report.loose.names
    if not number:
        return None
    amount = size(size_bytes) if size_bytes >= 1 << 20 else f"{size_bytes} bytes"
    return Fact(f"{count(number, 'file', 'files')} outside any repository, {amount}", _names(Names(number, names)))


def _outside(report: UnsavedWorkReport) -> Fact | None:
    cut = ("possibly more: the search of the home folder was not completed",) if report.is_outside_cut else ()
    if not report.outside.count and not cut:
        return None
    word = count(report.outside.count, "repository", "repositories")
    return Fact(f"{word} outside the code folder, not checked", (*_names(report.outside), *cut))


def _repository(report: UnsavedWorkReport, one: RepositoryReport) -> RepositoryView:
    facts = tuple(_facts(one))
    return RepositoryView(place(report, one.path), _mark(one), one.has_unsaved_work, facts)


def _mark(one: RepositoryReport) -> str:
    if one.unpushed and not one.has_remote:
        return "no remote"
    if one.unpushed:
        return f"{one.unpushed} not pushed"
    if one.unknown:
        return f"{one.unknown} not known to be pushed"
    if one.stashes:
        return count(one.stashes, "stash", "stashes")
    if one.operation:
        return f"unfinished {one.operation}"
    files = sum(one.files(name).count for name in FILES)
    return count(files, "file", "files") if files else "locked"


def _facts(one: RepositoryReport) -> list[Fact]:
    where = f"on {visible(one.branch)}" if one.branch else "on no branch (detached HEAD)"
    found = [Fact(", ".join(word for word in (KINDS.get(one.kind, ""), where) if word))]
    if one.unpushed:
        remote = "not on any known remote" if one.has_remote else "and no remote outside this VM"
        named = tuple(f"{visible(short, 20)} {visible(subject, 120)}" for short, subject in one.commits)
        more = (f"… and {one.unpushed - len(named)} more",) if one.unpushed > len(named) else ()
        found.append(Fact(f"{count(one.unpushed, 'commit', 'commits')} {remote}", (*named, *more)))
    found += [Fact(f"{visible(name)}: {number} not pushed") for name, number in one.branches]
    if one.unknown:
        found.append(Fact(f"{count(one.unknown, 'commit', 'commits')} not known to be pushed"))
    found += [Fact(unsure(branch)) for branch in one.unsure]
    if one.stashes:
        found.append(Fact(count(one.stashes, "stash", "stashes")))
    for name, (word, words) in FILES.items():
        if one.files(name).count:
            found.append(Fact(count(one.files(name).count, word, words), _names(one.files(name))))
    if one.operation:
        found.append(Fact(f"an unfinished {one.operation}"))
    found += [Fact(f"the remote {visible(name)} is inside this VM") for name in one.local_remotes]
    if one.is_locked:
        found.append(Fact("Git is running there, or was killed (index.lock)"))
    return found


def _names(names: Names) -> tuple[str, ...]:
    more = (f"… and {names.count - len(names.names)} more",) if names.count > len(names.names) else ()
    return (*(visible(name) for name in names.names), *more)
