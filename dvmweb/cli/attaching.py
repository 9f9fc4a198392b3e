"""`dvm sh NAME --attach`: find the terminal that is meant, join it, and say how that ended."""

from __future__ import annotations

import os
import sys

import click

from dvmweb.errors import NotFound, UsageError
from dvmweb.terminals import client, joining
from dvmweb.terminals.client import TerminalFacts
from dvmweb.vms import Vms


def join(vms: Vms, vm: str, wanted: str) -> int:
    """Join the terminal `wanted` (a name, or how its id begins; "": the one used last) until it ends or is left.

    Its exit code; 0 when it was left. Where none is open and none was named, a shell is opened. Raises UsageError
    where there is no terminal to show it on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("There is no terminal here to show it on.", f"Run a command instead: dvm ssh {vm} -- CMD")
    terminal = choose(client.list_terminals(vms), vm, wanted)
    size = os.get_terminal_size()
    if terminal is None:
        vms.need_running(vm)
        terminal = client.open_terminal(vms, vm, size.columns, size.lines)
    with client.attach(vms, terminal, None, size.columns, size.lines) as connection:
        click.echo(f"[{vm}: {connection.attached.get('name', '')}; Ctrl-\\ leaves it running]", err=True)
        end = joining.show(connection)
    click.echo(f"\n[{end.words if end else f'left; it goes on: dvm sh {vm} --attach'}]", err=True)
    return end.code if end else 0


def choose(terminals: tuple[TerminalFacts, ...], vm: str, wanted: str) -> str | None:
    """The id of the terminal that is meant; None where none is open and none was named. Raises NotFound, UsageError."""
    open_ones = [one for one in terminals if one.vm == vm and not one.ended]
    if not wanted:
        unseen = [one for one in open_ones if not one.viewers] or open_ones
        return min(unseen, key=lambda one: one.idle).id if unseen else None
    found = [one for one in open_ones if one.name == wanted] or [one for one in open_ones if one.id.startswith(wanted)]
    if not found:
        raise NotFound(f"{vm} has no open terminal {wanted}.", "See them with: dvm terminals")
    if len(found) > 1:
        raise UsageError(f"{len(found)} terminals of {vm} are called {wanted}.", "Give the id: dvm terminals")
    return found[0].id
