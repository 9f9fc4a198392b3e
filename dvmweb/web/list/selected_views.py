"""What became of a verb on several VMs, as its page shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.several.record import RUNNING, WAITING, Part, Record
from dvmweb.web.ui.formatting import count
from dvmweb.web.ui.values import Badge

WORDS = {"sync": "Sync", "start": "Start", "stop": "Stop", "restart": "Restart", "delete": "Delete"}
BADGES = {
    "waiting": Badge("idle", "clock", "Waiting for its turn"),
    "running": Badge("info", "sync", "Running"),
    "skipped": Badge("idle", "skip", "Not started"),
    "done": Badge("ok", "check", "Done"),
    "failed": Badge("bad", "warn", "Failed"),
    "cancelled": Badge("warn", "close", "Cancelled"),
    "interrupted": Badge("bad", "warn", "Interrupted"),
}
LOST = Badge("warn", "warn", "Not started")
HALF = Badge("warn", "warn", "Not finished")


@dataclass(frozen=True)
class PartRow:
    """One VM."""

    name: str
    badge: Badge
    detail: str
    job: str  # the id of its job, "" for none


@dataclass(frozen=True)
class SelectedPage:
    """The page of one verb on several VMs."""

    id: str
    title: str
    heading: str
    lead: str
    rows: tuple[PartRow, ...]
    is_over: bool


def selected_page(record: Record, jobs: Mapping[str, Job], now: float) -> SelectedPage:
    """Return the page; `jobs` are those of the record by their id, as they are now."""
    rows = tuple(_row(part, jobs.get(part.job), is_over=record.is_over) for part in record.parts)
    word, number = WORDS.get(record.verb, visible(record.verb, 20)), count(len(rows), "VM", "VMs")
    return SelectedPage(
        id=record.id,
        title=f"{word} {number} · dvm",
        heading=f"{word} {number}",
        lead=f"{_summary(rows)}. Requested {age(record.at, now)}.",
        rows=rows,
        is_over=record.is_over and not any(one.badge.word == "Running" for one in rows),
    )


def _row(part: Part, job: Job | None, *, is_over: bool) -> PartRow:
    """Return one VM; the state of its job counts where the dashboard that noted it has ended."""
    result, detail = part.result, visible(part.detail, 300)
    if is_over and result == WAITING:
        return PartRow(part.name, LOST, "The dashboard was stopped before its turn. Nothing was changed.", "")
    if is_over and result == RUNNING:
        result = "interrupted" if job is None else RUNNING if job.is_open else job.state
        result = "done" if result == "succeeded" else result
        if part.left and result == "done":
            detail = f"The dashboard was stopped, so this was not started: {', '.join(part.left)}."
            return PartRow(part.name, HALF, detail, part.job)
    return PartRow(part.name, BADGES.get(result, BADGES["interrupted"]), detail, part.job)


def _summary(rows: tuple[PartRow, ...]) -> str:
    words = [row.badge.word.lower() for row in rows]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words)).capitalize()
