"""`dvm sync`: secrets, the job, the approval of a project hook, and the plan of a dry run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from dvmweb.cli import tables
from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.guest.hooks import approves_hook
from dvmweb.cli.guest.shell_commands import offer_checkpoint
from dvmweb.errors import UsageError
from dvmweb.jobs.job_record import Job
from dvmweb.plans.model import Step
from dvmweb.verbs.vms import Vms


def step_facts(name: str, step: Step) -> dict[str, Any]:
    """A step of a plan as `dvm sync --dry-run --json` prints it."""
    return {
        "version": 1,
        "vm": name,
        "title": step.title,
        "state": "skip" if step.skip_reason else "not known" if step.unknown else "run",
        "reason": step.skip_reason or step.unknown or None,
        "argv": list(step.argv),
    }


def show_plans(vms: Vms, chosen: Sequence[str], options: dict[str, bool], *, as_json: bool) -> None:
    """Print the steps of each sync and their commands."""
    if as_json:
        tables.as_json([step_facts(name, step) for name in chosen for step in vms.dry_run(name, options)])
        return
    for name in chosen:
        if len(chosen) > 1:
            click.echo(f"{name}:")
        _show_plan(vms, name, options)


def _show_plan(vms: Vms, name: str, options: dict[str, bool]) -> None:
    for step in vms.dry_run(name, options):
        reason = step.skip_reason or step.unknown
        word = "skip" if step.skip_reason else "?" if step.unknown else "run"
        click.echo(f"{word:<6}{step.title}" + (f"  ({reason})" if reason else ""))
        if step.argv and not reason:
            from dvmweb.lima.command_display import shown

            click.echo(f"      $ {shown(step.argv)}")
    vm = vms.listed(name)
    kept = [] if vm is None else [str(one) for one in vm.pending if one.way == "new VM"]
    if kept:
        click.echo(f"Not changed by a sync: {', '.join(kept)}. It needs a new VM: dvm rm {name}, then dvm sync {name}")


def run_sync(vms: Vms, name: str, options: dict[str, bool], secrets: tuple[str, ...]) -> int:
    """Sync; ask for missing secrets and for the approval of a hook; return the exit code."""
    values = read_secrets(secrets)
    job = follow(vms, vms.start_job(name, "sync", options, values))
    while (missing := missing_secrets(job)) and sys.stdin.isatty():  # the next recipe can need another one
        values |= read_secrets(missing)
        job = follow(vms, vms.start_job(name, "sync", options, values))
    code = report_end(vms, job)
    if code == 0 and sys.stdin.isatty() and sys.stdout.isatty():
        from dvmweb.cli.vms import base_output

        base_output.offer(vms, job)
    if code == 0 and approves_hook(vms, name, job):
        code = report_end(vms, follow(vms, vms.start_job(name, "sync")))
    if code == 0:
        offer_checkpoint(vms, name)
    return code


def missing_secrets(job: Job) -> tuple[str, ...]:
    """The secrets that a job needed, as arguments for `read_secrets`."""
    todo = job.failure.todo if job.failure is not None and job.needs_secret else ""
    return tuple(word for word in todo.split() if word.endswith("=-"))


def read_secrets(given: tuple[str, ...]) -> dict[str, bytes]:
    """Secrets from stdin, one line each (all of stdin where there is only one); asked for on a terminal."""
    secrets = {}
    for word in given:
        name, _, source = word.partition("=")
        if source != "-":
            raise UsageError(
                "A secret must not be given on the command line.", f"Use --secret {name}=- and pass it on stdin."
            )
        if sys.stdin.isatty():
            value = click.prompt(f"Secret {name}", hide_input=True).encode()
        elif len(given) == 1:
            value = sys.stdin.buffer.read().removesuffix(b"\n")
        else:
            value = sys.stdin.buffer.readline().removesuffix(b"\n")
        if not value:
            raise UsageError(f"The secret {name} is empty.", "Pass it on stdin.")
        secrets[name] = value
    return secrets
