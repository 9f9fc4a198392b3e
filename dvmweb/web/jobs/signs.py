"""What every page says about jobs: how many run, and which long ones have ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dvmweb.guest_text import in_prose
from dvmweb.jobs.job_record import Job
from dvmweb.web.jobs.words import badge, name
from dvmweb.web.ui.formatting import duration

LONG = 60.0  # seconds from which the end of a job is worth a notice
LATELY = 900.0  # seconds after its end for which a page can still show it
MOST = 20


def signs(jobs: Iterable[Job], now: float) -> dict[str, Any]:
    """The jobs that run, and the long ones that have ended lately; a cancelled one is known to who cancelled it."""
    every = tuple(jobs)
    running = [job.id for job in every if job.is_open]
    ended = [job for job in every if _is_worth_a_notice(job, now)]
    return {"running": running, "ended": [_ended(job) for job in ended[:MOST]]}


def _is_worth_a_notice(job: Job, now: float) -> bool:
    if job.is_open or job.state == "cancelled" or not job.started:
        return False
    return job.ended - job.started > LONG and now - job.ended < LATELY


def _ended(job: Job) -> dict[str, str]:
    took = f"After {duration(job.ended - job.started)}"
    cause = in_prose(job.failure.headline, 200) if job.failure and job.state != "succeeded" else ""
    view = badge(job)
    tone = view.tone if view.tone in ("ok", "bad", "warn") else "info"
    title = f"{name(job)}: {view.word.lower()}"
    return {"id": job.id, "title": title, "detail": cause or took, "path": f"/jobs/{job.id}", "tone": tone}
