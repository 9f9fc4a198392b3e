"""`dvm ssh-key`: print what others need of a VM's keys."""

from __future__ import annotations

import click

from dvmweb.verbs.vms import Vms


@click.command("ssh-key")
@click.argument("name")
@click.pass_obj
def ssh_key(vms: Vms, name: str) -> None:
    """Print the VM's public SSH key and where to add it."""
    key, place = vms.ssh_key(name)
    click.echo(key)
    if place:
        click.echo(place, err=True)
