"""Show the project hook, which an agent can have written, and ask for its approval."""

from __future__ import annotations

import sys

import click

from dvmweb.errors import UsageError
from dvmweb.guest_text import log_lines
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms


def approves_hook(vms: Vms, name: str, job: Job) -> bool:
    """On a terminal: show a project hook that is not approved, and ask. Return whether it was approved now."""
    if not job.hook_waits:
        return False
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(f"The project hook .dvm/sync.sh was not run. Review it with: dvm hook {name}")
        return False
    return ask_for_hook(vms, name)


def approve_hook(vms: Vms, name: str, digest: str) -> None:
    """Approve the hook of a running VM if it has this digest. Raises UsageError for another."""
    found = vms.hook(name)
    if found.digest != digest:
        what = f"The hook has the digest {found.digest or 'none'}, not {digest}."
        raise UsageError(what, f"Read it first: dvm hook {name}")
    vms.approve_hook(name, found)
    click.echo("Approved. The next sync runs it.")


def ask_for_hook(vms: Vms, name: str) -> bool:
    """Show the hook and, on a terminal, ask for its approval. Return whether it was approved now."""
    hook = vms.hook(name)
    if not hook.digest:
        click.echo("There is no .dvm/sync.sh in the code folder.")
        return False
    text = "\n".join(
        f"  {line}" for line in log_lines(hook.text).split("\n")
    )  # so that none of its lines looks like ours
    click.echo(f"--- .dvm/sync.sh in {name}, reported by the guest ---\n{text}\n--- {hook.digest} ---")
    if hook.odd:
        click.echo(f"It cannot be approved: {hook.odd}, so it can differ from what you see.")
        return False
    if hook.is_approved:
        click.echo("This text is already approved.")
        return False
    if not sys.stdin.isatty():
        click.echo(f"Not approved. To approve this text: dvm hook {name} --approve {hook.digest}")
        return False
    click.echo("Once approved, syncs run it as your user in the VM, with all that it calls, until its text changes.")
    if not click.confirm("Approve this hook?"):
        return False
    vms.approve_hook(name, hook)
    return True
