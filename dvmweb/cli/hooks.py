"""Show a project hook that an agent may have written, and ask before it may run."""

from __future__ import annotations

import sys

import click

from dvmweb.guest_text import log_lines
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
    hook = vms.hook(name)
    if not hook.digest:
        click.echo("There is no .dvm/sync.sh in the code dir.")
        return False
    click.echo(f"--- .dvm/sync.sh in {name}, as the guest shows it ---\n{log_lines(hook.text)}\n--- {hook.digest} ---")
    if hook.odd:
        click.echo(f"It cannot be approved: {hook.odd}, so what you read might not be what runs.")
        return False
    if hook.is_approved:
        click.echo("You have approved this text.")
        return False
    if not sys.stdin.isatty():
        click.echo(f"Not approved. To approve this text: dvm hook {name} --approve {hook.digest}")
        return False
    click.echo("It would run as your user in the VM, with what it calls there, until its text changes.")
    if not click.confirm("Approve it?"):
        return False
    vms.approve_hook(name, hook)
    return True
