"""Print reports of unsaved work, and their exit codes."""

from __future__ import annotations

import json
import sys

import click

from dvmweb.ages import age
from dvmweb.cli import tables
from dvmweb.cli.follow import follow, report_end
from dvmweb.config.kinds import not_checked
from dvmweb.errors import CheckFailed, ExitCode, UnsavedWork
from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job
from dvmweb.records import work_reports
from dvmweb.verbs.vms import Vms


def show_report(name: str, report: UnsavedWorkReport, *, as_json: bool) -> None:
    """Print a report of unsaved work as text or JSON."""
    if as_json:
        tables.as_json([{"name": name, **json.loads(report.to_json())}])
    else:
        click.echo("\n".join(tables.wrapped(report.lines(), tables.terminal_width())))


def _shows_as_stopped(vms: Vms, name: str) -> bool:
    """Print the report from just before the last stop, if it still holds; return whether it does."""
    vm = vms.listed(name)
    found = work_reports.clean_since_stop(vms.paths, name, vm.instance) if vm is not None else None
    if found is None or found.good is None:
        return False
    when = age(found.good.report.checked_at)
    click.echo(f"{name} was checked just before it stopped, {when}, and has not run since. It is not started again.")
    show_report(name, found.good.report, as_json=False)
    return True


def quietly(vms: Vms, job: Job) -> Job:
    """Wait for the end of a job without output."""
    while job.is_open:
        starting.wait_for_change(vms.paths, job.id, job_record.stamp(vms.paths, job.id), 0.5)
        job = vms.job(job.id)
    return job


def verdict_code(report: UnsavedWorkReport | None) -> int:
    """The exit code of a check: 0 no unsaved work found, 5 unsaved work, 6 check failed."""
    codes = {Verdict.CLEAN: ExitCode.OK, Verdict.UNSAVED_WORK: ExitCode.UNSAVED_WORK}
    return int(codes.get(report.verdict, ExitCode.CHECK_FAILED) if report else ExitCode.CHECK_FAILED)


def report_only(vms: Vms, name: str, todo: str, command: str, *, is_interactive: bool = False) -> int:
    """Print what `command` would lose; return the exit code of `work`. `is_interactive`: the caller asks the user next.

    `todo`: a sentence that says what was not done, and the start of one that says how to do it. `command`: the user's
    command with its flags, without --yes and --force.
    """
    failed, code = (0, 0) if _shows_as_stopped(vms, name) else _checked(vms, name)
    if note := not_checked(vms.check_config(name).kind):
        click.echo(note)
    if not failed and not is_interactive:
        how = f" anyway: {command} --yes --force" if code else f": {command} --yes"
        click.echo(f"{todo}{how}", err=True)
    return failed or code


def _checked(vms: Vms, name: str) -> tuple[int, int]:
    """Check and print the report; the exit codes of the job if it failed, and of the verdict."""
    job = follow(vms, vms.start_job(name, "work"))
    report = vms.work_of(job)
    if report is not None:
        show_report(name, report, as_json=False)
    return report_end(vms, job), verdict_code(report)


def confirm_terminals(vms: Vms, name: str) -> None:
    """Ask before a stop ends programs in terminals. Raises WorkAtRisk without a terminal to ask on."""
    from dvmweb.verbs.processes_in_use import what_a_stop_ends

    try:
        lines = [str(one) for one in what_a_stop_ends(vms, name)]
    except CheckFailed as error:
        lines = [error.what]
    if not lines:
        return
    what = f"Stopping {name} would end the programs in its terminals:"
    if not sys.stdin.isatty():
        raise UnsavedWork("\n  ".join((what, *lines)), f"End them there, or stop it anyway: dvm stop {name} --yes")
    click.echo("\n  ".join((what, *lines)), err=True)
    click.confirm(f"Stop {name}?", abort=True, err=True)
