"""What `dvm sync` asks for and shows before a job: secrets from stdin, and the plan."""

from __future__ import annotations

import sys

import click

from dvmweb.errors import UsageError
from dvmweb.jobs.journal import Job
from dvmweb.vms import Vms


def show_plan(vms: Vms, name: str, options: dict[str, bool]) -> None:
    """Print the steps of a sync and the commands behind them."""
    for step in vms.dry_run(name, options):
        click.echo(f"skip  {step.title}  ({step.skip_reason})" if step.skip_reason else f"run   {step.title}")
        if step.argv and not step.skip_reason:
            from dvmweb.lima.entering import shown

            click.echo(f"      $ {shown(step.argv)}")


def missing_secrets(job: Job) -> tuple[str, ...]:
    """The secrets that a job ended for want of, as words for `read_secrets`: those that its failure says to give."""
    todo = job.failure.todo if job.failure is not None and job.needs_secret else ""
    return tuple(word for word in todo.split() if word.endswith("=-"))


def read_secrets(given: tuple[str, ...]) -> dict[str, bytes]:
    """Secrets from stdin, one line each (all of stdin where there is only one); asked for on a terminal."""
    secrets = {}
    for word in given:
        name, _, source = word.partition("=")
        if source != "-":
            raise UsageError(
                "A secret must not stand in a command line.", f"Write --secret {name}=- and give it on stdin."
            )
        if sys.stdin.isatty():
            value = click.prompt(f"Secret {name}", hide_input=True).encode()
        elif len(given) == 1:
            value = sys.stdin.buffer.read().removesuffix(b"\n")
        else:
            value = sys.stdin.buffer.readline().removesuffix(b"\n")
        if not value:
            raise UsageError(f"The secret {name} is empty.", "Give it on stdin.")
        secrets[name] = value
    return secrets
