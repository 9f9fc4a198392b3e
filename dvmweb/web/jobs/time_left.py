"""How far a job and its steps are, where that is measured: by bytes, else by the last runs of the same step. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from dvmweb.jobs.history.step_times import Estimates, is_late
from dvmweb.jobs.job_record import Job, StepRecord

LEAST = 5  # seconds that something takes at least to be worth a bar


@dataclass(frozen=True)
class Bar:
    """A bar from 0 to `most`, and the same in words."""

    value: int
    most: int
    text: str  # "about 40 s left"


@dataclass(frozen=True)
class Measure:
    """What is known of the times of a job."""

    estimates: Estimates = field(default_factory=Estimates)
    fraction: tuple[int, int] | None = None  # bytes done and all bytes of the transfer that runs


NOTHING = Measure()


def about(seconds: float) -> str:
    """A duration without false precision: a few seconds, 40 s, 3 min, 1 h 10 min."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"{max(10, round(seconds / 10) * 10)} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, tens = divmod(round(minutes / 10), 6)
    return f"{hours} h {tens}0 min" if tens else f"{hours} h"


def _left(seconds: float) -> str:
    words = about(seconds)
    return f"{words} left" if words.startswith("a ") else f"about {words} left"


def step_bar(step: StepRecord, measure: Measure, now: float) -> Bar | None:
    """The bar of the running step; None where nothing is measured, or where it takes longer than usual."""
    if step.state != "running" or not step.argv:
        return None
    if measure.fraction is not None:
        done, whole = measure.fraction
        return Bar(done * 1000 // whole, 1000, "")  # its reason has the bytes and the time
    usual = measure.estimates.of(step)
    if usual is None or usual < LEAST or is_late(usual, now - step.started):
        return None
    gone = max(0.0, now - step.started)
    return Bar(min(int(gone), int(usual)), int(usual), _left(max(0.0, usual - gone)))


def late(step: StepRecord, measure: Measure, now: float) -> str:
    """That the running step takes longer than usual, "" if it does not."""
    usual = measure.estimates.of(step) if step.state == "running" and measure.fraction is None else None
    if usual is None or not is_late(usual, now - step.started):
        return ""
    return f"longer than usual ({about(usual)})"


def job_bar(job: Job, measure: Measure, now: float) -> Bar | None:
    """The bar of the whole job; None unless each step that is left has an estimate."""
    left = measure.estimates.left(job, now) if job.state == "running" else None
    if left is None or not job.started:
        return None
    gone = max(0.0, now - job.started)
    if gone + left < LEAST:
        return None
    return Bar(int(gone), int(gone + left), _left(left))
