"""`dvm sh NAME --attach`: find the terminal, attach to it, and report how that ended."""

from __future__ import annotations

import os
import sys

import click

from dvmweb.errors import NotFound, UsageError
from dvmweb.terminals import attaching, client
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vms


def join(vms: Vms, vm: str, wanted: str) -> int:
    """Attach to the terminal `wanted` (a name, or the start of its id; "": the last used) until it ends or is left.

    Returns its exit code, 0 if it was left. If none is open and none was named, a shell is opened. Raises UsageError
    without a terminal to show it on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--attach needs a terminal.", f"To run a command without one: dvm ssh {vm} -- COMMAND")
    terminal = choose(client.list_terminals(vms), vm, wanted)
    size = os.get_terminal_size()
    if terminal is None:
        vms.running(vm)
        terminal = client.open_terminal(vms, vm, size.columns, size.lines)
    with client.attach(vms, terminal, None, size.columns, size.lines) as connection:
        click.echo(f"[{vm}: {connection.attached.get('name', '')}; Ctrl-\\ detaches]", err=True)
        end = attaching.show(connection)
    click.echo(f"\n[{end.text if end else f'detached; it keeps running: dvm sh {vm} --attach'}]", err=True)
    return end.code if end else 0


def choose(terminals: tuple[TerminalFacts, ...], vm: str, wanted: str) -> str | None:
    """The id of the terminal `wanted`; None if none is open and none was named. Raises NotFound, UsageError."""
    open_ones = [one for one in terminals if one.vm == vm and not one.ended]
    if not wanted:
        unseen = [one for one in open_ones if not one.viewers] or open_ones
        return min(unseen, key=lambda one: one.idle).id if unseen else None
    found = [one for one in open_ones if one.name == wanted] or [one for one in open_ones if one.id.startswith(wanted)]
    if not found:
        raise NotFound(f"{vm} has no open terminal {wanted!r}.", "List them with: dvm terminals")
    if len(found) > 1:
        raise UsageError(f"{len(found)} terminals of {vm} match {wanted!r}.", "Use the id that `dvm terminals` lists.")
    return found[0].id
