"""Print what would be lost, ask where somebody can answer, and turn it into exit codes."""

from __future__ import annotations

import json
import sys

import click

from dvmweb.cli import show
from dvmweb.cli.follow import follow, report_end
from dvmweb.config.kinds import not_looked
from dvmweb.errors import CouldNotLook, ExitCode, WorkAtRisk
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
    if told := not_looked(vms.check_config(name).kind):
        click.echo(told)
    if not failed:
        click.echo(f"Nothing was deleted. To delete it: dvm rm {name} --yes (with work at risk also --force)", err=True)
    return failed or verdict_code(report)


def asks_for_terminals(vms: Vms, name: str) -> None:
    """Ask before a stop ends what runs in terminals. Raises WorkAtRisk where nobody is there to answer."""
    from dvmweb.closing import what_a_stop_ends

    try:
        lines = [str(one) for one in what_a_stop_ends(vms, name)]
    except CouldNotLook as error:
        lines = [error.what]
    if not lines:
        return
    what = f"A stop of {name} would end what runs in its terminals:"
    if not sys.stdin.isatty():
        raise WorkAtRisk("\n  ".join((what, *lines)), f"End it there, or stop it with all that: dvm stop {name} --yes")
    click.echo("\n  ".join((what, *lines)), err=True)
    click.confirm(f"Stop {name}?", abort=True, err=True)
