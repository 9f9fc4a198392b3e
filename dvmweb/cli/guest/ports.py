"""`dvm port`: opens and closes ports of a VM while it runs, and lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dvmweb.cli.group import JSON, examples
from dvmweb.errors import UsageError
from dvmweb.verbs.vms import Vms

if TYPE_CHECKING:
    from dvmweb.verbs.ports import Done


@click.command(
    epilog=examples("dvm port shop ls", "dvm port shop add 3000", "dvm port shop add 8080:80", "dvm port shop rm 3000")
)
@click.argument("name")
@click.argument("action", type=click.Choice(("add", "rm", "ls")), default="ls")
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@JSON
@click.pass_obj
def port(vms: Vms, name: str, action: str, ports: tuple[str, ...], as_json: bool) -> None:
    """Open and close ports of the VM, or list them.

    add and rm change the config, and the running VM at once. PORT is a port in the VM, or HOST:PORT for another port on
    this computer, where it opens on 127.0.0.1. ls makes a connection through each port: one is open only if a program
    in the VM answers.
    """
    if (action == "ls") == bool(ports):
        raise UsageError(*(("ls takes no port.", "") if ports else ("There is no port.", f"dvm port {name} add 3000")))
    if action == "ls":
        _list(vms, name, as_json=as_json)
        return
    if as_json:
        raise UsageError("--json is for ls.", f"dvm port {name} ls --json")
    from dvmweb.verbs import ports as verb

    for one in ports:
        if action == "add":
            _report(name, verb.add(vms, name, one), "open", "added to the config")
        else:
            if not one.isdecimal():
                raise UsageError(f"{one} is not a port.", f"dvm port {name} rm 3000")
            _report(name, verb.remove(vms, name, int(one)), "closed", "removed from the config")


def _report(name: str, done: Done, word: str, changed: str) -> None:
    config = f", {changed} of {name}" if done.is_new else ""
    click.echo(f"Port {done.port}: {word if done.is_live else done.note}{config}")


def _list(vms: Vms, name: str, *, as_json: bool) -> None:
    from dvmweb.cli import json_output, tables
    from dvmweb.verbs import ports as verb

    found = verb.checked(vms, name)
    if as_json:
        tables.as_json([{"version": 1, **json_output.port_facts(one)} for one in found])
    elif found:
        rows = [(f"127.0.0.1:{one.host_port}", str(one.guest_port), one.state, one.note) for one in found]
        tables.table(("HERE", f"IN {name.upper()}", "STATE", "NOTE"), rows)
    else:
        click.echo(f"{name} has no ports. Open one: dvm port {name} add 3000")
