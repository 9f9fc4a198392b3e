"""A work report as a page shows it: repositories with what is only there, loose files, what was not looked at. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.guest_text import visible
from dvmweb.jobs.stored import age, is_older
from dvmweb.web.wording import capital, count, size
from dvmweb.web.work_line import WorkLine, place, report_line
from dvmweb.work import NOT_LOOKED, Names, RepositoryReport, Verdict, WorkReport

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
    """One thing that is only in this VM, and its names."""

    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RepositoryView:
    """One repository with what is at risk in it."""

    path: str
    mark: str  # the shortest word for it: "3 unpushed"
    is_at_risk: bool
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class WorkView:
    """One look into a VM."""

    line: WorkLine
    verdict: str  # clean, at risk, could not look
    asked: str  # how long ago
    is_old: bool
    has_found: bool  # any repository or file
    code_dir: str
    problems: tuple[str, ...]
    repositories: tuple[RepositoryView, ...]  # those at risk, or that Git holds locked
    clean: int  # how many more there are, with nothing at risk
    loose: Fact | None
    not_looked: str
    skipped: str
    digest: str  # of the facts, sent back by the page that deletes


def work_view(report: WorkReport, now: float) -> WorkView:
    """The report at `now`, seconds since the epoch."""
    told = tuple(_repository(report, one) for one in report.repositories if one.is_at_risk or one.is_locked)
    loose, left_out = report.loose, sorted({*report.skipped_ignored, *report.skipped_loose})
    return WorkView(
        line=report_line(report, now),
        verdict=report.verdict.value,
        asked=age(report.looked_at, now),
        is_old=is_older(report.looked_at, STALE, now),
        has_found=bool(report.repositories or loose.count),
        code_dir=visible(report.code_dir),
        problems=tuple(capital(visible(problem, 600)) for problem in report.problems),
        repositories=told,
        clean=len(report.repositories) - len(told),
        loose=_loose(loose.count, loose.bytes, loose.names) if loose.count else None,
        not_looked=NOT_LOOKED,
        skipped=", ".join(visible(name, 60) for name in left_out[:40]),
        digest=report.facts_hash(),
    )


def needs_name(report: WorkReport) -> bool:
    """Say whether the name must be typed before this VM is deleted."""
    return report.verdict is not Verdict.CLEAN


def _loose(number: int, size_bytes: int, names: tuple[str, ...]) -> Fact:
    amount = size(size_bytes) if size_bytes >= 1 << 20 else f"{size_bytes} bytes"
    return Fact(f"{count(number, 'file', 'files')} outside every repository, {amount}", _names(Names(number, names)))


def _repository(report: WorkReport, one: RepositoryReport) -> RepositoryView:
    facts = tuple(_facts(one))
    return RepositoryView(place(report, one.path), _mark(one), one.is_at_risk, facts)


def _mark(one: RepositoryReport) -> str:
    if one.unpushed and not one.has_remote:
        return "no remote"
    if one.unpushed:
        return f"{one.unpushed} unpushed"
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
        remote = "that no remote is known to have" if one.has_remote else "and no remote outside this VM"
        told = tuple(f"{visible(short, 20)} {visible(subject, 120)}" for short, subject in one.commits)
        more = (f"… and {one.unpushed - len(told)} more",) if one.unpushed > len(told) else ()
        found.append(Fact(f"{count(one.unpushed, 'commit', 'commits')} {remote}", (*told, *more)))
    found += [Fact(f"{visible(name)}: {number} unpushed") for name, number in one.branches]
    if one.stashes:
        found.append(Fact(count(one.stashes, "stash", "stashes")))
    for name, (word, words) in FILES.items():
        if one.files(name).count:
            found.append(Fact(count(one.files(name).count, word, words), _names(one.files(name))))
    if one.operation:
        found.append(Fact(f"an unfinished {one.operation}"))
    found += [Fact(f"the remote {visible(name)} is a place inside this VM") for name in one.local_remotes]
    if one.is_locked:
        found.append(Fact("Git is at work there, or was killed (index.lock)"))
    return found


def _names(names: Names) -> tuple[str, ...]:
    more = (f"… and {names.count - len(names.names)} more",) if names.count > len(names.names) else ()
    return (*(visible(name) for name in names.names), *more)
