"""`dvm ssh-config`: plain ssh and editors reach each VM as NAME.dvm."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import examples
from dvmweb.errors import UsageError
from dvmweb.verbs.vms import Vms

TRUST = (
    "An editor that connects to a VM runs a server there and does what that server requests: code that has taken over "
    "the VM can use that to run commands on this computer."
)


@click.command("ssh-config", epilog=examples("dvm ssh-config --install", "ssh shop.dvm"))
@click.option("--install", "verb", flag_value="install", help="Include the hosts in ~/.ssh/config.")
@click.option("--uninstall", "verb", flag_value="uninstall", help="Remove that Include line.")
@click.option("--refresh", "verb", flag_value="refresh", help="Write the hosts again, without output. ssh runs this.")
@click.option("--used-by", default=0, metavar="PID", help="Note use of the VM until this ssh ends. ssh runs this.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def ssh_config(vms: Vms, verb: str | None, used_by: int, yes: bool) -> None:
    """Print a Host NAME.dvm for each VM, for plain ssh and editors.

    --install adds one Include line at the top of ~/.ssh/config. VMs that are created or restarted later are found
    without another --install. No agent, X11 or shared connection is used, whatever your own config says.

    An editor that connects to a VM trusts it: code that has taken over the VM can run commands on this computer.
    """
    from dvmweb.verbs.ssh_hosts import hosts, include

    if used_by:
        from dvmweb.verbs.ssh_hosts.noted_use import note_use_by

        note_use_by(vms.paths, used_by)
        return
    if verb == "refresh":
        hosts.refresh(vms.paths)
        return
    if verb == "uninstall":
        is_done = include.uninstall(vms.paths)
        click.echo(f"The Include line {'was removed from' if is_done else 'is not in'} {include.file_of(vms.paths)}.")
        return
    text = hosts.write(vms.paths, vms.environ)
    if verb == "install":
        _install(vms, is_sure=yes)
        return
    click.echo(text, nl=False)
    if not include.file_of(vms.paths).is_symlink() and not include.is_there(vms.paths):
        click.echo("To use these hosts with ssh and editors: dvm ssh-config --install", err=True)


def _install(vms: Vms, *, is_sure: bool) -> None:
    from dvmweb.verbs.ssh_hosts import include

    path, line = include.file_of(vms.paths), include.line(vms.paths)
    if include.is_there(vms.paths):
        click.echo(f"The Include line is in {path} already.")
        return
    if not is_sure:
        if not sys.stdin.isatty():
            raise UsageError(f"{path} was not changed.", "To add the Include line: dvm ssh-config --install --yes")
        click.echo(f"This line will be the first one of {path}:\n\n    {line}\n\n{TRUST}\n", err=True)
        click.confirm("Add it?", abort=True, err=True)
    include.install(vms.paths)
    click.echo(f"Added to {path}: {line}\nFor a VM that runs: ssh NAME.dvm. To undo: dvm ssh-config --uninstall")
