"""View models for jobs: steps, times, failures, commands and next actions. Pure."""

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
from dvmweb.web.jobs.secret_fields import SecretField
from dvmweb.web.ui.confirmations import confirmed_at
from dvmweb.web.ui.formatting import capital, clock, count, duration
from dvmweb.web.ui.values import Action, Badge

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


@dataclass(frozen=True)
class FailureView:
    """Why a job failed: what happened, its last lines, what to do, the command that failed."""

    what: str
    lines: tuple[str, ...]
    todo: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class JobRow:
    """One job in the list."""

    id: str
    title: str
    vm: str
    verb: str
    badge: Badge
    requested: str
    duration: str
    note: str


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


def job_view(
    job: Job,
    now: float,
    stages: tuple[Stage, ...] = (),
    serial: tuple[str, ...] = (),
    secrets: tuple[SecretField, ...] = (),
) -> JobView:
    """The view of a job at `now` (seconds since the epoch)."""
    headline = f"{job.vm} was deleted." if job.verb == "delete" and job.state == "succeeded" else ""
    return JobView(
        id=job.id,
        title=_title(job),
        vm=_subject(job),
        verb=VERBS.get(job.verb, visible(job.verb, 20)),
        badge=_badge(job),
        lead=_lead(job, now),
        is_open=job.is_open,
        steps=tuple(_step(step, now, is_open=job.is_open) for step in job.steps),
        failure=_failure(job.failure) if job.failure else _interrupted(job),
        headline=visible(headline, 200),
        notices=tuple(visible(notice, 2000) for notice in job.notices if notice != headline),
        hook_waits=job.hook_waits,
        stages=stages,
        serial=serial,
        next=_next(job),
        secrets=secrets,
    )


def _badge(job: Job) -> Badge:
    """The state of a job; green only where every step ran. A test that did not run its recipe is "Not tested"."""
    is_test = job.verb == "test"
    steps = job.runs_of(job.about) if is_test else job.steps
    if job.state == "succeeded" and any(step.state == "not-run" for step in steps):
        return Badge("blind", "eye-off", "Not tested" if is_test else "Done")
    return STATES["refused" if job.is_refused else job.state]


def _subject(job: Job) -> str:
    return visible(job.about, 40)


def _name(job: Job) -> str:
    return f"{VERBS.get(job.verb, job.verb)} {_subject(job)}"


def _title(job: Job) -> str:
    name = _name(job)
    if job.is_open:
        return f"{_progress(job)} · {name} · dvm" if job.steps else f"{name} · dvm"
    return f"{name}: {_badge(job).word.lower()} · dvm"


def _progress(job: Job) -> str:
    ended = sum(step.state not in ("waiting", "running") for step in job.steps)
    return f"Step {min(ended + 1, len(job.steps))} of {len(job.steps)}"


def _lead(job: Job, now: float) -> str:
    if job.state == "queued":
        return f"Waiting for another VM to start or stop. {CONTINUES}"
    if job.is_open:
        begun = duration(now - (job.started or job.created))
        return f"{_progress(job)}, running for {begun}. {CONTINUES}"
    took = f" after {duration(job.ended - job.started)}" if job.ended and job.started else ""
    result = f"{_badge(job).word}{took}, {age(job.ended or job.created, now)}."
    return f"{result} {not_run}." if (not_run := _not_run(job)) else result


def _not_run(job: Job) -> str:
    """How many of its steps did not run, "" for none."""
    left = ("not-run",) if job.is_open else ("not-run", "waiting")
    number = sum(step.state in left for step in job.steps)
    return f"{count(number, 'step', 'steps')} did not run" if number else ""


def _step(step: StepRecord, now: float, *, is_open: bool) -> StepView:
    is_cut = step.state == "running" and not is_open  # its process died: the result is not known
    is_unreached = step.state == "waiting" and not is_open
    tone, icon = ("not-run", "eye-off") if is_cut else MARKS["skipped" if is_unreached else step.state]
    word = {"waiting": "pending", "not-run": "not run"}.get(step.state, step.state)
    has_clock = step.started and step.argv and not is_cut
    return StepView(
        tone=tone,
        icon=icon,
        word="interrupted" if is_cut else "not run" if is_unreached else word,
        title=visible(step.title, 200),
        clock=clock((step.ended or now) - step.started) if has_clock else "",
        reason="not run" if is_unreached else visible(step.reason, 400),
        log_from=step.log_from if step.started and step.argv else -1,
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
    todo = "Run it again: it checks what exists and continues from there."
    return FailureView("The process of this job died. The result of its last step is not known.", (), (todo,), "")


def _next(job: Job) -> tuple[Action, ...]:
    """The actions after a job that has ended, the most likely first."""
    if job.is_open:
        return ()
    if job.verb == "test":
        name = _subject(job)
        return (Action("next-recipe", name, "back", f"/recipes/{name}", is_post=False, tone="primary"),)
    if job.verb == "base":  # it has no page
        return (Action("next-all", "All VMs", "back", "/", is_post=False, tone="primary"),)
    if job.verb in ("checkpoint", "rewind") and job.state == "succeeded":
        see = Action("next-vm", job.vm, "back", f"/vms/{job.vm}", is_post=False, tone="primary")
        return (see, Action("next-checkpoints", "All checkpoints", "copy", "/checkpoints", is_post=False))
    page, again = f"/vms/{job.vm}", _again(job)
    see = Action("next-vm", job.vm, "back", page, is_post=False)
    if job.verb == "delete":
        every = Action("next-all", "All VMs", "back", "/", is_post=False, tone="primary")
        return (every,) if job.state == "succeeded" else (again, see)
    if job.needs_secret:
        return (see,)  # running it again needs the secret
    if job.state != "succeeded":
        return (again, see)
    if job.verb == "work":
        report = Action("next-work", "Show report", "eye", page, is_post=False, tone="primary")
        return (report, Action("next-delete", f"Delete {job.vm}", "trash", f"{page}/delete", is_post=False))
    if job.verb == "stop":
        return (see, Action("next-start", "Start", "play", f"{page}/start"))
    return (Action("next-terminal", "Terminal", "term", f"{page}/terminal", is_post=False, tone="primary"), see)


def _again(job: Job) -> Action:
    if page := confirmed_at(job):
        word, icon = ("delete", "trash") if job.verb == "delete" else ("checkpoint", "copy")
        return Action(f"next-{word}", "Review again", icon, page, is_post=False, tone="primary")
    return Action("next-again", "Run again", "sync", f"/jobs/{job.id}/again", tone="primary")


def row(job: Job, now: float) -> JobRow:
    """A job in the list."""
    end = job.ended or (now if job.is_open else 0.0)
    return JobRow(
        id=job.id,
        title=_name(job),
        vm=_subject(job),
        verb=VERBS.get(job.verb, visible(job.verb, 20)),
        badge=_badge(job),
        requested=age(job.created, now),
        duration=duration(end - job.started) if end and job.started else "",
        note=visible(_note(job), 160),
    )


def _note(job: Job) -> str:
    """The failure, the running step or what did not run; "" where all is well."""
    if job.failure and job.failure.what:
        return job.failure.what.splitlines()[0]
    if job.is_open:
        return next((step.title for step in job.steps if step.state == "running"), "")
    return _not_run(job)


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
    return capital(_name(job))
