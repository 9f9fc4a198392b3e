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
    epilog=examples(
        "dvm port shop ls",
        "dvm port shop add 3000",
        "dvm port shop add 8080:80",
        "dvm port shop rm 3000",
        "dvm port shop add 9229 --live",
        "dvm port shop move 3000 3100",
    )
)
@click.argument("name")
@click.argument("action", type=click.Choice(("add", "rm", "move", "ls")), default="ls")
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option("--live", "is_temporary", is_flag=True, help="With add: leave the config unchanged.")
@JSON
@click.pass_obj
def port(vms: Vms, name: str, action: str, ports: tuple[str, ...], is_temporary: bool, as_json: bool) -> None:
    """Open and close ports of the VM, or list them.

    add and rm change the config, and the running VM at once. PORT is a port in the VM, or HOST:PORT for another port on
    this computer, where it opens on 127.0.0.1. move OLD NEW gives a port another number on this computer. ls makes a
    connection through each port: one is open only if a program in the VM answers.

    A port that was added with --live stays open until the VM stops or its ssh connection ends.
    """
    if (action == "ls") == bool(ports):
        raise UsageError(*(("ls takes no port.", "") if ports else ("There is no port.", f"dvm port {name} add 3000")))
    if action == "ls":
        _list(vms, name, as_json=as_json)
        return
    if as_json:
        raise UsageError("--json is for ls.", f"dvm port {name} ls --json")
    if is_temporary and action != "add":
        raise UsageError("--live is for add.", f"dvm port {name} add 3000 --live")
    from dvmweb.verbs import ports as verb

    if action == "move":
        if len(ports) != 2:
            raise UsageError("move takes two ports.", f"dvm port {name} move 3000 3100")
        old, new = (_number(name, one, "move 3000 3100") for one in ports)
        _report(name, verb.move(vms, name, old, new), "open", "changed in the config")
        return
    for one in ports:
        if action == "add":
            _report(name, verb.add(vms, name, one, is_temporary=is_temporary), "open", "added to the config")
        else:
            number = _number(name, one, "rm 3000")
            _report(name, verb.remove(vms, name, number), "closed", "removed from the config")


def _number(name: str, text: str, example: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise UsageError(f"{text} is not a port.", f"dvm port {name} {example}")
    return int(text)


def _report(name: str, done: Done, word: str, changed: str) -> None:
    config = f", {changed} of {name}" if done.is_new else ""
    also = f" ({done.note})" if done.is_live and done.note else ""
    click.echo(f"Port {done.port}: {word if done.is_live else done.note}{config}{also}")


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
