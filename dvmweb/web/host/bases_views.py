"""View models of bases: each with its state, the VMs that were copied from it and what can be chosen for a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.plans import titles
from dvmweb.recipes import Recipe, secret_params
from dvmweb.recipes.bases import why_not_in_base
from dvmweb.verbs.bases import ASK, NO, YES, ListedBase
from dvmweb.web.ui.formatting import capital
from dvmweb.web.ui.values import Badge

NOT_KNOWN = "not known"
AUTOMATIC = {
    ASK: ("Ask", "After a first sync whose recipes took time, its job proposes a base of them."),
    YES: ("Yes", "After a first sync whose recipes took time, a base of them is built if the disk has room."),
    NO: ("No", "A base is built only by you."),
}


@dataclass(frozen=True)
class BaseRow:
    """One base as the page shows it."""

    name: str
    image: str
    recipes: tuple[str, ...]
    built: str
    disk: str
    badge: Badge
    reasons: tuple[str, ...]  # why no new VM is copied from it, as sentences
    copies: tuple[str, ...]  # VMs
    is_running: bool  # it is not deleted then
    can_refresh: bool


@dataclass(frozen=True)
class Choice:
    """A recipe that a base can have, or why it cannot."""

    name: str
    is_chosen: bool


def row(one: ListedBase, copies: Sequence[str], now: float) -> BaseRow:
    """A base at `now` (seconds since the epoch)."""
    record = one.record
    ready, stale = Badge("ok", "check", "Ready"), Badge("warn", "warn", "Stale")
    return BaseRow(
        name=one.name,
        image=visible(record.image, 60) if record else NOT_KNOWN,
        recipes=tuple(visible(name, 60) for name in one.recipes),
        built=age(record.made, now) if record else NOT_KNOWN,
        disk=one.disk_in_words,
        badge=stale if one.reasons else ready,
        reasons=tuple(f"{capital(visible(reason, 300))}." for reason in one.reasons),
        copies=tuple(copies),
        is_running=one.instance.status == "Running",
        can_refresh=record is not None,
    )


def copies_of(jobs: Iterable[Job], vms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The VMs that were copied from each base, as far as the jobs are kept; `jobs` has the newest first."""
    origins: dict[str, str] = {}
    start, there = titles.copy_base(""), set(vms)
    for job in jobs:
        if job.verb != "sync" or job.vm not in there or job.vm in origins:
            continue
        made = next((step.title for step in job.steps if _has_made(step.title) and step.state == "done"), "")
        if made:
            origins[job.vm] = made.removeprefix(start) if made.startswith(start) else ""
    names = dict.fromkeys(origin for origin in origins.values() if origin)
    return {name: tuple(sorted(vm for vm, origin in origins.items() if origin == name)) for name in names}


def _has_made(title: str) -> bool:
    return title == titles.CREATE or title.startswith(titles.copy_base(""))


def choices(recipes: Iterable[Recipe], chosen: Iterable[str]) -> tuple[Choice, ...]:
    """The recipes that a base can have. The baseline is in every base."""
    wanted = set(chosen)
    fitting = (one for one in recipes if not secret_params(one) and not why_not_in_base(one) and one.category != "base")
    return tuple(Choice(one.name, one.name in wanted) for one in fitting)
