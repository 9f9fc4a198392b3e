"""What `dvm checkpoint` prints and asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from dvmweb.ages import age
from dvmweb.cli import tables
from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.reports import confirm_terminals
from dvmweb.errors import ExitCode, NotNow
from dvmweb.guest_text import visible
from dvmweb.verbs import checkpoints
from dvmweb.verbs.checkpoints import Checkpoint
from dvmweb.verbs.vms import Vms

HEAD = ("CHECKPOINT", "VM", "MADE", "DISK", "UNSAVED WORK", "NOTE")
NOT_KNOWN = "not known"


def repaired(vms: Vms) -> tuple[Checkpoint, ...]:
    """All checkpoints; prints what was repaired."""
    found, notes = checkpoints.repair(vms)
    for note in notes:
        click.echo(note, err=True)
    return found


def add(vms: Vms, name: str, note: str, *, stop: bool, is_sure: bool) -> int:
    """Make a checkpoint; the exit code."""
    repaired(vms)
    restart = _can_stop(vms, name, stop=stop, is_sure=is_sure)
    return report_end(vms, follow(vms, checkpoints.make(vms, name, note, restart=restart)))


def _can_stop(vms: Vms, name: str, *, stop: bool, is_sure: bool) -> bool:
    """Whether a running VM is stopped for the checkpoint, after a question. Raises NotNow without a terminal."""
    vm = vms.listed(name)
    if vm is None or vm.status != "Running":
        return False
    is_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    if stop and is_sure:
        return True
    if is_terminal:
        confirm_terminals(vms, name)
        if not stop:
            click.confirm(f"Stop {name} for the checkpoint, and start it again afterwards?", abort=True, err=True)
        return True
    if not stop:
        todo = f"Stop it first: `dvm stop {name}`, or add --stop: it is started again afterwards."
        raise NotNow(f"{name} is Running, and only a stopped VM can be copied.", todo)
    if why := checkpoints.why_used(vms, vm):
        raise NotNow(f"{name} is not stopped for a checkpoint: {why}.", "To stop it anyway, add --yes.")
    return True


def show(vms: Vms, name: str, *, as_json: bool) -> None:
    """Print the checkpoints, or those of one VM."""
    found = [one for one in repaired(vms) if name in ("", one.record.vm)]
    if as_json:
        tables.as_json([facts(one) for one in found])
        return
    if not found:
        whose = f" of {visible(name, 40)}" if name else ""
        click.echo(f"There are no checkpoints{whose}. To make one: dvm checkpoint {name or 'NAME'}")
        return
    tables.table(HEAD, [_row(one) for one in found])
    click.echo(f"\n{checkpoints.disk_line(vms, found)}", err=True)
    click.echo("Go back: dvm rewind VM CHECKPOINT. Delete for good: dvm checkpoint rm CHECKPOINT", err=True)


def _row(one: Checkpoint) -> tuple[str, ...]:
    record, status = one.record, one.instance.status
    odd = "being copied" if record.copy else "" if status == "Stopped" else visible(status or "not readable", 20)
    checked = f", checked {age(one.work.checked_at)}" if one.work and one.work.checked_at else ""
    return (
        f"{one.name} ({odd})" if odd else one.name,
        record.vm or NOT_KNOWN,
        age(record.at) if record.at else NOT_KNOWN,
        one.disk_in_words,
        f"{one.work_line}{checked}",
        one.note,
    )


def facts(one: Checkpoint) -> dict[str, Any]:
    """A checkpoint as `dvm checkpoint ls --json` prints it; what is not known is null."""
    record = one.record
    return {
        "version": 1,
        "checkpoint": one.name,
        "instance": one.instance.name,
        "status": one.instance.status or None,
        "protected": one.instance.protected,
        "complete": not record.copy,
        "vm": record.vm or None,
        "made_at": record.at or None,
        "note": one.note,
        "disk_bytes": one.disk,
        "work": asdict(one.work) if one.work else None,
        "started_since": one.was_started,
        "identity": record.identity or None,
    }


def line(one: Checkpoint) -> str:
    """A checkpoint in one line."""
    when = f", made {age(one.record.at)}" if one.record.at else ""
    note = f": {one.note}" if one.note else ""
    return f"{one.name} (VM {one.record.vm or NOT_KNOWN}{when}){note}"


def delete(vms: Vms, names: Sequence[str], *, is_sure: bool) -> int:
    """Show what is lost, ask, delete; the exit code."""
    every = repaired(vms)
    found = [checkpoints.find(every, name) for name in dict.fromkeys(names)]
    for one in found:
        click.echo(f"{line(one)}\n  {one.disk_in_words} of disk; unsaved work when it was made: {one.work_line}")
    click.echo("Work that is only in a checkpoint is lost with it, and dvm cannot check a checkpoint for that.")
    what = "this checkpoint" if len(found) == 1 else f"these {len(found)} checkpoints"
    if not is_sure:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            click.echo("Nothing was deleted. To delete for good, add --yes.", err=True)
            return int(ExitCode.CHECK_FAILED)
        if not click.confirm(f"Delete {what} for good?", err=True):
            click.echo("Nothing was deleted.", err=True)
            return int(ExitCode.CHECK_FAILED)
    for one in found:  # one by one, so that what was deleted before a failure is reported
        checkpoints.delete(vms, one.name)
        click.echo(f"{one.name} was deleted for good.")
    return 0
