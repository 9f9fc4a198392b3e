"""`dvm web --install-service` and `--uninstall-service`: say what was written and what is left to run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dvmweb.lima.command_display import shown
from dvmweb.paths import own_command
from dvmweb.verbs.service import Done, Service
from dvmweb.verbs.vms import Vms


def change(vms: Vms, verb: str, options: Sequence[str]) -> None:
    """Install or uninstall the service of the dashboard."""
    service = Service(vms.paths, vms.environ)
    if verb == "uninstall":
        done = service.uninstall()
        click.echo(f"Removed {done.path}" if done.is_changed else f"There is no service: {done.path} does not exist.")
        _left(done, "stop it")
        return
    if not service.file.exists():  # one in a terminal would keep that of the service from starting
        from dvmweb.web.server import running_dashboard

        running_dashboard.take(vms.paths, own_command(vms.environ)).release()
    done = service.install(options)
    click.echo(f"{'Wrote' if done.is_changed else 'Up to date:'} {done.path}")
    if done.commands:
        _left(done, "start it")
    else:
        click.echo(f"The dashboard runs as {service.name}, and starts at each login.")
        click.echo("To keep it and its VMs running after a logout: loginctl enable-linger")
    click.echo(f"For a login address: {own_command(vms.environ)} web --url")


def _left(done: Done, why: str) -> None:
    """The commands that dvm did not run."""
    if done.commands:
        click.echo(
            f"No systemd of this user was found here. To {why}, run:" if done.path.suffix == ".service" else "Run:"
        )
        for argv in done.commands:
            click.echo(f"    {shown(argv)}")
