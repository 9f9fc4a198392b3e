"""The commands about jobs: list them, print a log, cancel one."""

from __future__ import annotations

import sys
from typing import Any

import click

from dvmweb.cli.group import JSON, examples
from dvmweb.verbs.vms import Vms


@click.command()
@JSON
@click.pass_obj
def jobs(vms: Vms, as_json: bool) -> None:
    """List jobs, newest first."""
    from dvmweb.cli import json_output, tables

    found = vms.jobs()
    if as_json:
        tables.as_json([json_output.job_facts(job) for job in found])
    elif found:
        tables.table(("JOB", "TARGET", "VERB", "STATE", "STARTED", "STEP OR ERROR"), tables.job_rows(found))
    else:
        click.echo("No jobs yet.")


@click.command(epilog=examples("dvm log 5e81abcd", "dvm log brain dvm-llama -f", "dvm log shop --boot"))
@click.argument("name", metavar="JOB|NAME")
@click.argument("unit", default="")
@click.option("--commands", is_flag=True, help="Job: only the engine's commands, with time and exit code.")
@click.option("-f", "--follow", is_flag=True, help="VM: follow until Ctrl-C.")
@click.option("-n", "--lines", type=int, metavar="N", help="VM: show the last N lines (default: 200).")
@click.option("--boot", is_flag=True, help="VM: the console of its last boot and the log of Lima's host agent.")
@click.option("--json", "as_json", is_flag=True, help="With --commands: print JSON, an array of objects.")
@click.option("--units", is_flag=True, help="VM: list the units that its recipes declare.")
@click.pass_obj
def log(vms: Vms, /, name: str, **options: Any) -> None:
    """Print the log of a job, or the journal of a VM.

    A job is followed while it runs. UNIT is a systemd unit of the VM; without it, the units that its recipes declare,
    or the whole journal. --boot needs no answer of the VM. If both a VM and a job have this name, it is the VM.
    """
    from dvmweb.cli import log_view

    sys.exit(log_view.show(vms, name, log_view.Request(**options)))


@click.command()
@click.argument("job")
@click.pass_obj
def cancel(vms: Vms, job: str) -> None:
    """Cancel a running job.

    Its command gets SIGINT, then SIGTERM, then SIGKILL.
    """
    from dvmweb.cli.reports import quietly

    found = vms.job(job)
    vms.cancel(found)
    click.echo(f"{found.verb} {found.vm}: {quietly(vms, found).state}")
