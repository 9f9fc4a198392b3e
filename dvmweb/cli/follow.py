"""Follow a job: one live line per step on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dvmweb.errors import DvmError, ExitCode
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.jobs.step_progress import with_progress
from dvmweb.verbs.vms import Vms

if TYPE_CHECKING:
    from rich.table import Table

POLL = 0.5  # seconds; only for the clock, a change of the journal is seen at once
MARKS = {
    "unreached": "·",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",
    "not-run": "?",
    "running": "…",
    "waiting": " ",
    "cancelled": "■",
}
STYLES = {
    "unreached": "dim",
    "done": "green",
    "failed": "red",
    "skipped": "dim",
    "not-run": "yellow",
    "running": "blue",
    "waiting": "dim",
    "cancelled": "yellow",
}


def follow(vms: Vms, job: Job) -> Job:
    """Show the job until it has ended and return it. Ctrl-C cancels it; a second Ctrl-C only stops watching."""
    try:
        return _show(vms, job)
    except KeyboardInterrupt:
        return _cancel(vms, job)


def _cancel(vms: Vms, job: Job) -> Job:
    print(f"\nCancelling job {job.id[:8]}. Press Ctrl-C again to stop waiting.", file=sys.stderr)
    try:
        with suppress(DvmError):  # it can have ended meanwhile, as the next line shows
            vms.cancel(vms.job(job.id))
        return _show(vms, job)
    except KeyboardInterrupt:
        print(f"\nStopped waiting. To see how the job ends: dvm log {job.id[:8]}", file=sys.stderr)
        sys.exit(int(ExitCode.CANCELLED))


def _show(vms: Vms, job: Job) -> Job:
    if sys.stdout.isatty():
        return _show_live(vms, job)
    printed = 0
    while True:
        seen = job_record.stamp(vms.paths, job.id)
        job = vms.job(job.id)
        printed = _print_new(job, printed)
        if not job.is_open:
            return job
        starting.wait_for_change(vms.paths, job.id, seen, POLL)


def _print_new(job: Job, printed: int) -> int:
    """Print the steps that have ended since the last time; they end in order."""
    for step in job.steps[printed:]:
        if job.is_open and step.state in ("waiting", "running"):
            break
        print(plain_line(step, shown_state(job, step)), flush=True)
        printed += 1
    return printed


def shown_state(job: Job, step: StepRecord) -> str:
    """The state to show for a step: "cancelled" instead of failed in a cancelled job, "unreached" if it never began."""
    if step.state == "waiting" and not job.is_open:
        return "unreached"
    return "cancelled" if step.state == "failed" and job.state == "cancelled" else step.state


def plain_line(step: StepRecord, state: str) -> str:
    """One step as a line of text."""
    seconds = f"{step.ended - step.started:.1f} s" if step.ended and step.argv else ""
    facts = ", ".join(word for word in (step.reason, seconds) if word)
    is_unknown = state == "not-run" and "not known" in step.reason
    word = "?" if is_unknown else "not run" if state in ("not-run", "unreached") else state
    return f"{word:<8} {step.title}" + (f"  ({facts})" if facts else "")


def _show_live(vms: Vms, job: Job) -> Job:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    with Live(console=console, refresh_per_second=8, transient=False) as live:
        while True:
            seen = job_record.stamp(vms.paths, job.id)
            job = with_progress(vms.paths, vms.job(job.id))
            live.update(live_table(job, console.size.height - 1 if job.is_open else 0))
            if not job.is_open:
                return job
            starting.wait_for_change(vms.paths, job.id, seen, POLL)


def folded(steps: Sequence[StepRecord], room: int) -> list[StepRecord | str]:
    """The steps in at most `room` lines (0: all): old ended steps become one line, then the last waiting ones.

    The running step and those that failed or were not run are always kept.
    """
    if not room or len(steps) <= room:
        return list(steps)
    old = [i for i, step in enumerate(steps) if step.state in ("done", "skipped")][: len(steps) - room + 1]
    kept: list[StepRecord | str] = [step for i, step in enumerate(steps) if i not in old]
    if old:
        done = sum(steps[i].state == "done" for i in old)
        words = (f"{done} step{'' if done == 1 else 's'} done", f"{len(old) - done} skipped")
        kept.insert(0, ", ".join(word for word in words if not word.startswith("0 ")))
    over = len(kept) - room + 1
    waiting = sum(step.state == "waiting" for step in steps)
    if over > 1 and waiting:
        last = min(over, waiting)
        kept[-last:] = [f"{last} more steps"]
    return kept


def live_table(job: Job, room: int) -> Table:
    """The steps of a job in at most `room` lines, one line each; with 0 all of them, whole."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    overflow: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"} if room else {}
    table.add_column()
    table.add_column(**overflow)
    table.add_column(justify="right")
    table.add_column(style="dim", **overflow)
    for step in folded(job.steps, room):
        if isinstance(step, str):
            table.add_row("", Text(step, "dim"), "", "")
            continue
        state = shown_state(job, step)
        # Text, never markup: a reason can contain guest output.
        mark, title = Text(MARKS[state], STYLES[state]), Text(step.title, STYLES[state])
        table.add_row(mark, title, Text(_clock(step)), Text(step.reason))
    return table


def _clock(step: StepRecord) -> str:
    if not step.started or not step.argv:
        return ""
    seconds = int((step.ended or time.time()) - step.started)
    return f"{seconds // 60}:{seconds % 60:02d}"


def report_end(vms: Vms, job: Job) -> int:
    """Print how the job ended and how to see its log; return the exit code."""
    code = print_end(job)
    if job.state != "succeeded":
        print(f"log: dvm log {job.id[:8]}", file=sys.stderr)
    return code


def print_end(job: Job) -> int:
    """Print notices, the failure and what to do; return the exit code."""
    for notice in job.notices:
        print(notice)
    if job.state == "succeeded":
        return 0
    if job.failure is not None:
        error = starting.as_error(job.failure)
        print(f"\n{error}", file=sys.stderr)
        return int(ExitCode.CANCELLED) if job.state == "cancelled" else int(error.exit_code)
    verb = {"test": f"recipe test {job.options.get('recipe')}", "delete": f"rm {job.vm}", "base": "base build"}.get(
        job.verb
    )
    again = verb or f"{job.verb} {job.vm}"
    print(f"\nThe job was interrupted: its process died. Run it again: dvm {again}", file=sys.stderr)
    return int(ExitCode.FAILED)
