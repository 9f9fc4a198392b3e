"""What every page of jobs says about a job: its name, its state, and what of it did not run. Pure."""

from __future__ import annotations

from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.web.ui.formatting import count
from dvmweb.web.ui.values import Badge

VERBS = {
    "sync": "Sync",
    "start": "Start",
    "stop": "Stop",
    "restart": "Restart",
    "work": "Check",
    "delete": "Delete",
    "test": "Test",
    "base": "Build base",
    "checkpoint": "Checkpoint",
    "rewind": "Rewind",
}
STATES = {
    "queued": Badge("info", "wait", "Queued"),
    "running": Badge("info", "sync", "Running"),
    "succeeded": Badge("ok", "check", "Done"),
    "failed": Badge("bad", "warn", "Failed"),
    "cancelled": Badge("idle", "close", "Cancelled"),
    "interrupted": Badge("bad", "warn", "Interrupted"),
    "refused": Badge("warn", "warn", "Refused"),
}


def verb_of(job: Job) -> str:
    """The verb as a label."""
    return VERBS.get(job.verb, visible(job.verb, 20))


def subject(job: Job) -> str:
    """The name of what it ran on."""
    return visible(job.about, 40)


def name(job: Job) -> str:
    """The verb and its subject: "Sync app"."""
    return f"{verb_of(job)} {subject(job)}"


def badge(job: Job) -> Badge:
    """The state of a job; green only where every step ran. A test that did not run its recipe is "Not tested"."""
    is_test = job.verb == "test"
    steps = job.runs_of(job.about) if is_test else job.steps
    if job.state == "succeeded" and any(step.state == "not-run" for step in steps):
        return Badge("blind", "eye-off", "Not tested" if is_test else "Done")
    return STATES["refused" if job.is_refused else job.state]


def not_run(job: Job) -> str:
    """How many of its steps did not run, "" for none."""
    left = ("not-run",) if job.is_open else ("not-run", "waiting")
    number = sum(step.state in left for step in job.steps)
    return f"{count(number, 'step', 'steps')} did not run" if number else ""
