"""`dvm rename` and `dvm clone`: a stopped VM gets another name, or a copy."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import examples
from dvmweb.errors import NotNow
from dvmweb.verbs.vms import Vms


@click.command(epilog=examples("dvm rename shop old-shop"))
@click.argument("name")
@click.argument("new")
@click.option("--yes", is_flag=True, help="Stop it for that without asking.")
@click.pass_obj
def rename(vms: Vms, name: str, new: str, yes: bool) -> None:
    """Rename a VM: its instance, its config and what dvm knows of it.

    A running VM is stopped first. It keeps its code folder and its SSH key; its host name changes at the next start.
    """
    from dvmweb.verbs import renaming

    renaming.must_differ(name, new)
    if code := stopped(vms, name, "rename", is_sure=yes):
        sys.exit(code)
    notes = renaming.rename(vms, name, new)
    click.echo(f"{name} is {new} now.")
    for note in notes:
        click.echo(note)


@click.command(epilog=examples("dvm clone shop shop-try"))
@click.argument("name")
@click.argument("new")
@click.option("--yes", is_flag=True, help="Stop it for that without asking.")
@click.pass_obj
def clone(vms: Vms, name: str, new: str, yes: bool) -> None:
    """Clone a VM with everything in it, under another name.

    A running VM is stopped first. The clone gets the config of NAME with other host ports. It has the logins, secrets
    and SSH key of NAME; its first sync makes an identity, a machine id and an SSH key of its own.
    """
    from dvmweb.verbs import cloning, renaming

    renaming.must_differ(name, new)
    if code := stopped(vms, name, "clone", is_sure=yes):
        sys.exit(code)
    notes = cloning.clone(vms, name, new)
    click.echo(f"{new} is a clone of {name}. It is stopped; next: dvm sync {new}")
    for note in notes:
        click.echo(note)


def stopped(vms: Vms, name: str, verb: str, *, is_sure: bool) -> int:
    """Stop a VM that is running, after a question; return the exit code of the stop, 0 for one that is not running."""
    from dvmweb.cli.follow import follow, report_end
    from dvmweb.cli.reports import confirm_terminals

    vm = vms.listed(name)
    if vm is None or vm.kind == "unmanaged" or vm.status != "Running":
        return 0
    if not is_sure:
        if not sys.stdin.isatty():
            todo = f"Stop it first: `dvm stop {name}`, or add --yes."
            raise NotNow(f"{name} is Running, and only a stopped VM can be {verb}d.", todo)
        confirm_terminals(vms, name)
        click.confirm(f"Stop {name} to {verb} it?", abort=True, err=True)
    return report_end(vms, follow(vms, vms.start_job(name, "stop")))
