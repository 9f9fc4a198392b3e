"""View model of one job: steps with their times, failure, result and commands. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from dvmweb.lima.booting import Stage
from dvmweb.lima.command_display import shown
from dvmweb.lima.ledger import Entry
from dvmweb.plans import titles
from dvmweb.web.jobs import time_left, words
from dvmweb.web.jobs.next_actions import next_actions, retry_help
from dvmweb.web.jobs.secret_fields import SecretField
from dvmweb.web.jobs.time_left import Bar, Measure
from dvmweb.web.jobs.words import badge, not_run, subject
from dvmweb.web.ui.formatting import capital, clock, duration
from dvmweb.web.ui.values import Action, Badge

MARKS = {
    "waiting": ("wait", "wait"),
    "running": ("now", "sync"),
    "done": ("done", "check"),
    "failed": ("failed", "warn"),
    "skipped": ("skipped", "skip"),
    "not-run": ("not-run", "eye-off"),
}
SLOW_BOOT = 60.0  # seconds of a boot step after which the console is shown
BOOT_STEPS = (titles.START, titles.WAIT_FOR_GUEST)
CONTINUES = "You can close this page; the job continues."


@dataclass(frozen=True)
class StepView:
    """One step in the list."""

    tone: str
    icon: str
    word: str  # its state, for screen readers
    title: str
    clock: str
    reason: str
    log_from: int  # offset in the log; -1: none
    bar: Bar | None = None  # of the running step, where something is measured
    is_folded: bool = False  # its part of the log, until it is unfolded


@dataclass(frozen=True)
class FailureView:
    """Why a job failed: what happened, its last lines, what to do, the command that failed."""

    what: str
    lines: tuple[str, ...]
    todo: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class JobView:
    """The page of one job, and the part of it that is polled."""

    id: str
    title: str  # of the tab
    vm: str
    verb: str
    badge: Badge
    lead: str
    is_open: bool
    steps: tuple[StepView, ...]
    failure: FailureView | None
    headline: str  # the result in a sentence; the notices are its details
    notices: tuple[str, ...]
    hook_waits: bool
    stages: tuple[Stage, ...]
    serial: tuple[str, ...]
    next: tuple[Action, ...]
    secrets: tuple[SecretField, ...] = ()  # those that it failed without
    bar: Bar | None = None  # of all steps
    retry: str = ""  # what the button Retry does


def job_view(
    job: Job,
    now: float,
    stages: tuple[Stage, ...] = (),
    serial: tuple[str, ...] = (),
    secrets: tuple[SecretField, ...] = (),
    measure: Measure = time_left.NOTHING,
) -> JobView:
    """The view of a job at `now` (seconds since the epoch)."""
    bar = time_left.job_bar(job, measure, now)
    headline = f"{job.vm} was deleted." if job.verb == "delete" and job.state == "succeeded" else ""
    return JobView(
        id=job.id,
        title=_title(job),
        vm=subject(job),
        verb=words.verb_of(job),
        badge=badge(job),
        lead=_lead(job, now, bar),
        is_open=job.is_open,
        steps=tuple(_step(step, now, measure, is_open=job.is_open) for step in job.steps),
        failure=_failure(job.failure) if job.failure else _interrupted(job),
        headline=visible(headline, 200),
        notices=tuple(visible(notice, 2000) for notice in job.notices if notice != headline),
        hook_waits=job.hook_waits,
        stages=stages,
        serial=serial,
        next=next_actions(job),
        secrets=secrets,
        bar=bar,
        retry=retry_help(job),
    )


def _title(job: Job) -> str:
    name = words.name(job)
    if job.is_open:
        return f"{_progress(job)} · {name} · dvm" if job.steps else f"{name} · dvm"
    return f"{name}: {badge(job).word.lower()} · dvm"


def _progress(job: Job) -> str:
    ended = sum(step.state not in ("waiting", "running") for step in job.steps)
    return f"Step {min(ended + 1, len(job.steps))} of {len(job.steps)}"


def _lead(job: Job, now: float, bar: Bar | None) -> str:
    if job.state == "queued":
        return f"Waiting for another VM to start or stop. {CONTINUES}"
    if job.is_open:
        begun = duration(now - (job.started or job.created))
        left = f", {bar.text}" if bar else ""
        return f"{_progress(job)}, running for {begun}{left}. {CONTINUES}"
    took = f" after {duration(job.ended - job.started)}" if job.ended and job.started else ""
    result = f"{badge(job).word}{took}, {age(job.ended or job.created, now)}."
    return f"{result} {left}." if (left := not_run(job)) else result


def _step(step: StepRecord, now: float, measure: Measure, *, is_open: bool) -> StepView:
    is_cut = step.state == "running" and not is_open  # its process died: the result is not known
    is_unreached = step.state == "waiting" and not is_open
    tone, icon = ("not-run", "eye-off") if is_cut else MARKS["skipped" if is_unreached else step.state]
    word = {"waiting": "pending", "not-run": "not run"}.get(step.state, step.state)
    bar = time_left.step_bar(step, measure, now) if is_open else None
    left = (bar.text if bar else time_left.late(step, measure, now)) if is_open else ""
    has_clock = step.started and step.argv and not is_cut
    return StepView(
        tone=tone,
        icon=icon,
        word="interrupted" if is_cut else "not run" if is_unreached else word,
        title=visible(step.title, 200),
        clock=clock((step.ended or now) - step.started) if has_clock else "",
        reason="not run" if is_unreached else visible(step.reason, 400) or left,
        log_from=step.log_from if step.started and step.argv else -1,
        bar=bar,
        is_folded=step.state in ("done", "skipped", "not-run"),
    )


def _failure(failure: Failure) -> FailureView:
    first, *more = failure.what.splitlines() or [""]
    todo = [visible(line, 1200) for line in failure.todo.splitlines()]
    return FailureView(
        visible(first, 600), tuple(visible(line, 500) for line in more), tuple(todo), visible(failure.command, 4000)
    )


def _interrupted(job: Job) -> FailureView | None:
    if job.state != "interrupted":
        return None
    todo = "The next run checks what exists and continues from there."
    return FailureView("The process of this job died. The result of its last step is not known.", (), (todo,), "")


def commands(job: Job, entries: Iterable[Entry]) -> tuple[str, ...]:
    """The commands of a job to copy: those that were run, else those planned."""
    run = tuple(shown(entry.argv) for entry in entries)
    return run or tuple(shown(step.argv) for step in job.steps if step.argv and step.state != "skipped")


def boot_step(job: Job) -> StepRecord | None:
    """The step that boots the VM, while it runs or once it has failed."""
    return next((s for s in job.steps if s.title in BOOT_STEPS and s.state in ("running", "failed")), None)


def needs_console(step: StepRecord, now: float) -> bool:
    """Return whether the console is worth showing: the boot step failed or takes longer than SLOW_BOOT."""
    return step.state == "failed" or (step.started > 0 and now - step.started > SLOW_BOOT)


def title_of(job: Job) -> str:
    """The heading of a job's page."""
    return capital(words.name(job))
