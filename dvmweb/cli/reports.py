"""Print work reports and turn them into exit codes."""

from __future__ import annotations

import json

import click

from dvmweb.cli import show
from dvmweb.cli.follow import follow, report_end
from dvmweb.errors import ExitCode
from dvmweb.jobs import journal, starting
from dvmweb.jobs.journal import Job
from dvmweb.vms import Vms
from dvmweb.work import Verdict, WorkReport


def show_report(name: str, report: WorkReport, *, as_json: bool) -> None:
    """Print a work report for people or programs."""
    if as_json:
        show.as_json([{"name": name, **json.loads(report.to_json())}])
    else:
        click.echo("\n".join(show.wrapped(report.lines(), show.terminal_width())))


def quietly(vms: Vms, job: Job) -> Job:
    """Wait for the end of a job without a word."""
    while job.is_open:
        starting.wait_for_change(vms.paths, job.id, journal.stamp(vms.paths, job.id), 0.5)
        job = vms.job(job.id)
    return job


def verdict_code(report: WorkReport | None) -> int:
    """The exit code of a look: 0 nothing at risk, 5 at risk, 6 could not look."""
    codes = {Verdict.CLEAN: ExitCode.OK, Verdict.AT_RISK: ExitCode.AT_RISK}
    return int(codes.get(report.verdict, ExitCode.COULD_NOT_LOOK) if report else ExitCode.COULD_NOT_LOOK)


def report_only(vms: Vms, name: str) -> int:
    """What `rm` would lose; the exit codes are those of `work`."""
    job = follow(vms, vms.start_job(name, "work"))
    report = vms.work_of(job)
    if report is not None:
        show_report(name, report, as_json=False)
    failed = report_end(vms, job)
    if not failed:
        click.echo(f"Nothing was deleted. To delete it: dvm rm {name} --yes (with work at risk also --force)", err=True)
    return failed or verdict_code(report)
