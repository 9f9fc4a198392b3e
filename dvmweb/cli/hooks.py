"""Show a project hook that an agent may have written, and ask before it may run."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.show import log_text
from dvmweb.jobs.journal import Job
from dvmweb.vms import Vms


def approves_hook(vms: Vms, name: str, job: Job) -> bool:
    """On a terminal: show a project hook that nobody approved and ask. True when it may run now."""
    waits = any(step.title == "project hook" and "`dvm hook" in step.reason for step in job.steps)
    if not waits:
        return False
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(f"The project hook .dvm/sync.sh was not run: see `dvm hook {name}`.")
        return False
    return ask_for_hook(vms, name)


def ask_for_hook(vms: Vms, name: str) -> bool:
    """Show the hook and, on a terminal, ask for the approval of this very text. True when it was given now."""
    digest, text, is_approved = vms.hook(name)
    if not digest:
        click.echo("There is no .dvm/sync.sh in the code dir.")
        return False
    click.echo(f"--- .dvm/sync.sh in {name}, as the guest shows it ---\n{log_text(text)}\n--- {digest} ---")
    if is_approved:
        click.echo("You have approved this text.")
        return False
    if not sys.stdin.isatty():
        click.echo(f"Not approved. To approve this text: dvm hook {name} --approve {digest}")
        return False
    if not click.confirm("It would run as your user in the VM at each sync, until it changes. Approve it?"):
        return False
    vms.approve_hook(name, digest)
    return True
