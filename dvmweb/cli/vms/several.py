"""One command for several VMs: a few jobs at once, a line as each ends, one table and one exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import click

from dvmweb.cli import tables
from dvmweb.errors import DvmError, ExitCode
from dvmweb.verbs.several.tasks import POLL, Task, goes_on, work
from dvmweb.verbs.vms import Vms

__all__ = ["Task", "run"]

Verbs = Sequence[tuple[str, dict[str, Any]]]  # the jobs of each VM, one after the other, with their options


def run(vms: Vms, names: Sequence[str], verbs: Verbs, *, as_json: bool) -> int:
    """Run the jobs of each VM and print the table; the exit code is 0 only if all succeeded.

    Ctrl-C cancels what runs and starts nothing more; a second one stops waiting.
    """
    tasks = [Task(name, iter(verbs)) for name in names]
    try:
        work(vms, list(tasks), partial(_report_end, is_quiet=as_json))
    except KeyboardInterrupt:
        click.echo("\nCancelling. Press Ctrl-C again to stop waiting.", err=True)
        _cancel(vms, tasks)
    if as_json:
        tables.as_json([task.facts() for task in tasks])
    else:
        click.echo()
        tables.table(("VM", "RESULT", "TIME", "DETAIL"), [task.row() for task in tasks])
    codes = {task.code for task in tasks} - {0}
    return codes.pop() if len(codes) == 1 else int(ExitCode.FAILED) if codes else 0


def _report_end(task: Task, *, is_quiet: bool) -> None:
    if task.ended and not is_quiet:
        click.echo(f"{task.name}: {task.result}" + (f": {task.detail}" if task.detail else ""))
        sys.stdout.flush()


def _cancel(vms: Vms, tasks: Sequence[Task]) -> None:
    opened = [task for task in tasks if task.job is not None and not task.ended]
    with suppress(KeyboardInterrupt):
        for task in opened:
            assert task.job is not None  # noqa: S101
            with suppress(DvmError):  # it can have ended meanwhile
                vms.cancel(vms.job(task.job.id))
        for task in opened:
            task.verbs = iter(())
        while opened := [task for task in opened if goes_on(vms, task)]:
            time.sleep(POLL)
