"""Follow a job on the terminal: one live line per step, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dvmweb.errors import DvmError, ExitCode
from dvmweb.jobs import journal, starting
from dvmweb.jobs.journal import Job, StepRecord
from dvmweb.vms import Vms

if TYPE_CHECKING:
    from rich.table import Table

POLL = 0.5  # seconds; the journal's change is seen at once, this only moves the clock on the line
MARKS = {"done": "✓", "failed": "✗", "skipped": "–", "not-run": "?", "running": "…", "waiting": " "}
STYLES = {"done": "green", "failed": "red", "skipped": "dim", "not-run": "yellow", "running": "blue", "waiting": "dim"}


def follow(vms: Vms, job: Job) -> Job:
    """Show the job until it has ended and return its end. Ctrl-C cancels it; a second one leaves it alone."""
    try:
        return _show(vms, job)
    except KeyboardInterrupt:
        return _cancel(vms, job)


def _cancel(vms: Vms, job: Job) -> Job:
    print(f"\nCancelling job {job.id[:8]}. Ctrl-C again stops waiting for its end.", file=sys.stderr)
    try:
        with suppress(DvmError):  # it may have ended in between, which the next line shows
            vms.cancel(vms.job(job.id))
        return _show(vms, job)
    except KeyboardInterrupt:
        print(f"\nNot waited for: dvm log {job.id[:8]} shows how it ends.", file=sys.stderr)
        sys.exit(int(ExitCode.CANCELLED))


def _show(vms: Vms, job: Job) -> Job:
    if sys.stdout.isatty():
        return _show_live(vms, job)
    printed = 0
    while True:
        seen = journal.stamp(vms.paths, job.id)
        job = vms.job(job.id)
        printed = _print_new(job, printed)
        if not job.is_open:
            return job
        starting.wait_for_change(vms.paths, job.id, seen, POLL)


def _print_new(job: Job, printed: int) -> int:
    """Print the steps that have ended since the last time; they end in order."""
    for step in job.steps[printed:]:
        if step.state in ("waiting", "running"):
            break
        print(plain_line(step), flush=True)
        printed += 1
    return printed


def plain_line(step: StepRecord) -> str:
    """One step as a line of text."""
    seconds = f"{step.ended - step.started:.1f} s" if step.ended and step.argv else ""
    facts = ", ".join(word for word in (step.reason, seconds) if word)
    word = "not run" if step.state == "not-run" else step.state
    return f"{word:<8} {step.title}" + (f"  ({facts})" if facts else "")


def _show_live(vms: Vms, job: Job) -> Job:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(highlight=False), refresh_per_second=8, transient=False) as live:
        while True:
            seen = journal.stamp(vms.paths, job.id)
            job = vms.job(job.id)
            live.update(_table(job))
            if not job.is_open:
                return job
            starting.wait_for_change(vms.paths, job.id, seen, POLL)


def _table(job: Job) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for step in job.steps:
        end = step.ended or time.time()
        clock = (
            f"{int(end - step.started) // 60}:{int(end - step.started) % 60:02d}" if step.started and step.argv else ""
        )
        style = STYLES[step.state]
        # Text, never markup: reasons may hold words from a guest.
        table.add_row(Text(MARKS[step.state], style), Text(step.title, style), Text(clock), Text(step.reason))
    return table


def report_end(vms: Vms, job: Job) -> int:
    """Print notices, the failure, and return the exit code."""
    for notice in job.notices:
        print(notice)
    if job.state == "succeeded":
        return 0
    if job.failure is not None:
        error = starting.as_error(job.failure)
        print(f"\n{error}", file=sys.stderr)
        code = int(ExitCode.CANCELLED) if job.state == "cancelled" else int(error.exit_code)
    else:
        print(f"\nThe job was interrupted: its process died. `dvm {job.verb} {job.vm}` does it again.", file=sys.stderr)
        code = 1
    print(f"log: dvm log {job.id[:8]}", file=sys.stderr)
    return code
