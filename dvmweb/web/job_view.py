"""What the pages show of jobs: steps, times, the log's end, the commands, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dvmweb.guest_text import log_lines, visible
from dvmweb.jobs.journal import Failure, Job, StepRecord
from dvmweb.lima.booting import Stage
from dvmweb.lima.entering import shown
from dvmweb.lima.ledger import Entry
from dvmweb.web.secret_fields import SecretField
from dvmweb.web.views import Action, Badge
from dvmweb.web.wording import age, capital, clock, count, duration

VERBS = {"sync": "Sync", "start": "Start", "stop": "Stop", "work": "Look into", "delete": "Delete", "test": "Test"}
STATES = {
    "queued": Badge("info", "wait", "Waiting"),
    "running": Badge("info", "sync", "Running"),
    "succeeded": Badge("ok", "check", "Done"),
    "failed": Badge("bad", "warn", "Failed"),
    "cancelled": Badge("idle", "close", "Cancelled"),
    "interrupted": Badge("bad", "warn", "Interrupted"),
}
MARKS = {
    "waiting": ("wait", "wait"),
    "running": ("now", "sync"),
    "done": ("done", "check"),
    "failed": ("failed", "warn"),
    "skipped": ("skipped", "skip"),
    "not-run": ("not-run", "eye-off"),
}
TAIL_LINES = 200
HANGS_AFTER = 60.0  # seconds of a boot step after which the console is shown
BOOT_STEPS = ("start", "reachable")


@dataclass(frozen=True)
class StepView:
    """One line of the list of steps."""

    tone: str
    icon: str
    word: str  # its state, for those who do not see the icon
    title: str
    clock: str
    reason: str
    log_from: int  # -1 where it has no place in the log


@dataclass(frozen=True)
class LogLine:
    """One line of a log, safe to show."""

    text: str
    tone: str = ""  # host, cut


@dataclass(frozen=True)
class FailureView:
    """Why a job ended: what happened, its last lines, what to do, the command behind it."""

    what: str
    lines: tuple[str, ...]
    todo: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class JobRow:
    """One line of the list of jobs."""

    id: str
    title: str
    vm: str
    verb: str
    badge: Badge
    asked: str
    took: str
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
    notices: tuple[str, ...]
    hook_waits: bool
    stages: tuple[Stage, ...]
    serial: tuple[str, ...]
    next: tuple[Action, ...]
    asks: tuple[SecretField, ...] = ()  # the secrets without which it ended


def job_view(
    job: Job,
    now: float,
    stages: tuple[Stage, ...] = (),
    serial: tuple[str, ...] = (),
    asks: tuple[SecretField, ...] = (),
) -> JobView:
    """The page of a job at `now` (seconds since the epoch)."""
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
        notices=tuple(visible(notice, 2000) for notice in job.notices),
        hook_waits=any(step.title == "project hook" and "`dvm hook" in step.reason for step in job.steps),
        stages=stages,
        serial=serial,
        next=_next(job),
        asks=asks,
    )


def _badge(job: Job) -> Badge:
    """The state of a job, green only where all of it was run; a test whose recipe was not run tells nothing."""
    is_test = job.verb == "test"
    asked = job.runs_of(job.about) if is_test else job.steps
    if job.state == "succeeded" and any(step.state == "not-run" for step in asked):
        return Badge("blind", "eye-off", "Not known" if is_test else "Done")
    return STATES[job.state]


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
        return "It waits until the engine is free: another VM starts or stops. It goes on when you close this page."
    if job.is_open:
        begun = duration(now - (job.started or job.created))
        return f"{_progress(job)}, running for {begun}. It goes on when you close this page."
    took = f" after {duration(job.ended - job.started)}" if job.ended and job.started else ""
    said = f"{_badge(job).word}{took}, {age(job.ended or job.created, now)}."
    return f"{said} {not_run}." if (not_run := _not_run(job)) else said


def _not_run(job: Job) -> str:
    """How many of its steps were not run, "" for none."""
    number = sum(step.state == "not-run" for step in job.steps)
    return f"{count(number, 'step was', 'steps were')} not run" if number else ""


def _step(step: StepRecord, now: float, *, is_open: bool) -> StepView:
    is_cut = step.state == "running" and not is_open  # its process died: nobody knows how it went
    tone, icon = ("not-run", "eye-off") if is_cut else MARKS[step.state]
    word = {"waiting": "to come", "not-run": "not run"}.get(step.state, step.state)
    has_clock = step.started and step.argv and not is_cut
    return StepView(
        tone=tone,
        icon=icon,
        word="interrupted" if is_cut else word,
        title=visible(step.title, 200),
        clock=clock((step.ended or now) - step.started) if has_clock else "",
        reason=visible(step.reason, 400),
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
    todo = "Run it again: it looks at what is there and goes on from that."
    return FailureView("Its process died, so nobody knows how its last step went.", (), (todo,), "")


def _next(job: Job) -> tuple[Action, ...]:
    """What one does after a job that has ended, the most likely first."""
    if job.is_open:
        return ()
    if job.verb == "test":
        name = _subject(job)
        return (Action("next-recipe", name, "back", f"/recipes/{name}", is_post=False, tone="primary"),)
    page, again = f"/vms/{job.vm}", _again(job)
    see = Action("next-vm", job.vm, "back", page, is_post=False)
    if job.verb == "delete":
        gone = Action("next-all", "All VMs", "back", "/", is_post=False, tone="primary")
        return (gone,) if job.state == "succeeded" else (again, see)
    if job.needs_secret:
        return (see,)  # to run it again takes the secret
    if job.state != "succeeded":
        return (again, see)
    if job.verb == "work":
        report = Action("next-work", "See the report", "eye", page, is_post=False, tone="primary")
        return (report, Action("next-delete", f"Delete {job.vm}", "trash", f"{page}/delete", is_post=False))
    if job.verb == "stop":
        return (see, Action("next-start", "Start", "play", f"{page}/start"))
    return (Action("next-terminal", "Terminal", "term", f"{page}/terminal", is_post=False, tone="primary"), see)


def _again(job: Job) -> Action:
    if job.verb == "delete":  # it is decided anew, with a fresh report
        return Action("next-delete", "Decide again", "trash", f"/vms/{job.vm}/delete", is_post=False, tone="primary")
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
        asked=age(job.created, now),
        took=duration(end - job.started) if end and job.started else "",
        note=visible(_note(job), 160),
    )


def _note(job: Job) -> str:
    """What fails, runs or was not run, "" where all is well."""
    if job.failure and job.failure.what:
        return job.failure.what.splitlines()[0]
    if job.is_open:
        return next((step.title for step in job.steps if step.state == "running"), "")
    return _not_run(job)


def log_tail(data: bytes, *, is_cut: bool) -> tuple[LogLine, ...]:
    """The last lines of a log, without anything that moves the cursor; `is_cut` says that more stands before."""
    texts = log_lines(data).removesuffix("\n").split("\n") if data else []
    more = is_cut or len(texts) > TAIL_LINES
    lines = [_log_line(text) for text in texts[-TAIL_LINES:]]
    return (*([LogLine("… the download has what stands before", "cut")] if more else []), *lines)


def _log_line(text: str) -> LogLine:
    return LogLine(text, "host" if text.startswith("$ ") else "")


def commands(job: Job, entries: Iterable[Entry]) -> tuple[str, ...]:
    """The commands of a job, ready to copy: as they were run, else as they were planned."""
    run = tuple(shown(entry.argv) for entry in entries)
    return run or tuple(shown(step.argv) for step in job.steps if step.argv and step.state != "skipped")


def boot_step(job: Job) -> StepRecord | None:
    """The step that boots the VM, while it runs or where it failed."""
    return next((s for s in job.steps if s.title in BOOT_STEPS and s.state in ("running", "failed")), None)


def hangs(step: StepRecord, now: float) -> bool:
    """Say whether a boot step failed, or runs for so long that one wants to see the console."""
    return step.state == "failed" or (step.started > 0 and now - step.started > HANGS_AFTER)


def title_of(job: Job) -> str:
    """The heading of a job's page."""
    return capital(_name(job))
