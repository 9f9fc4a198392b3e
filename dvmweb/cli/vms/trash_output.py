"""What `dvm trash` prints and asks."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from dvmweb.ages import age
from dvmweb.cli import tables
from dvmweb.errors import ExitCode, UsageError
from dvmweb.guest.unsaved_work import Verdict
from dvmweb.guest_text import visible
from dvmweb.records.trash_records import DAYS
from dvmweb.verbs import trash
from dvmweb.verbs.trash import Entry
from dvmweb.verbs.vms import Vms

HEAD = ("ENTRY", "VM", "DELETED", "EXPIRES", "DISK", "UNSAVED WORK")
NOT_KNOWN = "not known"
LOW = 10 << 30  # bytes of free disk, below which the disk of the trash is mentioned


def show(vms: Vms, *, as_json: bool) -> None:
    """Print the entries."""
    found = _repaired(vms)
    if as_json:
        tables.as_json([facts(one) for one in found])
        return
    if not found:
        click.echo("The trash is empty.")
        return
    tables.table(HEAD, [_row(one) for one in found])
    click.echo("\nRestore: dvm trash restore ENTRY. Delete for good: dvm trash empty ENTRY", err=True)
    if note := trash.expired_note(vms):
        click.echo(note, err=True)


def _repaired(vms: Vms) -> tuple[Entry, ...]:
    found, notes = trash.repair(vms)
    for note in notes:
        click.echo(note, err=True)
    return found


def _row(one: Entry) -> tuple[str, ...]:
    record = one.record
    checked = f", checked {age(record.work.checked_at)}" if record.work and record.work.checked_at else ""
    state = "" if one.instance.status == "Stopped" else f" ({visible(one.instance.status or 'not readable', 20)})"
    return (
        one.name + state,
        record.vm or NOT_KNOWN,
        age(record.at) if record.at else NOT_KNOWN,
        _expires(one),
        one.disk_in_words,
        f"{one.work_line}{checked}",
    )


def _expires(one: Entry) -> str:
    if not one.record.expires:
        return NOT_KNOWN
    day = datetime.fromtimestamp(one.record.expires).astimezone().strftime("%Y-%m-%d")
    return f"{day} (expired)" if one.record.is_expired(time.time()) else day


def facts(one: Entry) -> dict[str, Any]:
    """An entry as `dvm trash ls --json` prints it; what is not known is null."""
    record, work = one.record, one.record.work
    return {
        "version": 1,
        "entry": one.name,
        "instance": one.instance.name,
        "status": one.instance.status or None,
        "protected": one.instance.protected,
        "vm": record.vm or None,
        "deleted_at": record.at or None,
        "expires_at": record.expires or None,
        "expired": record.is_expired(time.time()),
        "disk_bytes": one.disk,
        "work": asdict(work) if work else None,
        "identity": record.identity or None,
    }


def restore(vms: Vms, entry: str, new: str) -> None:
    """Restore an entry and print what is different from before."""
    _repaired(vms)
    done = trash.restore(vms, entry, new)
    click.echo(f"{done.vm} was restored. It is stopped; to start it: dvm start {done.vm}")
    for note in done.notes:
        click.echo(note)


def empty(vms: Vms, names: Sequence[str], *, is_expired: bool, is_sure: bool) -> int:
    """Show what is lost, ask, delete; the exit code."""
    found = _chosen(_repaired(vms), names, is_expired=is_expired)
    if not found:
        click.echo("No entry of the trash has expired." if is_expired else "The trash is empty.")
        return 0
    for one in found:
        _show_losses(one)
    if not is_sure and not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo("Nothing was deleted. To delete it for good, add --yes.", err=True)
        return _code(found)
    if not is_sure and not click.confirm(f"Delete {_count(found)} for good?", err=True):
        click.echo("Nothing was deleted.", err=True)
        return _code(found)
    for one in found:  # one by one, so that what was deleted before a failure is reported
        trash.empty(vms, [one.name])
        click.echo(f"{one.name} was deleted for good.")
    return 0


def _chosen(entries: Sequence[Entry], names: Sequence[str], *, is_expired: bool) -> list[Entry]:
    if names and is_expired:
        raise UsageError("--expired was given with entries.", "Use one of them.")
    if names:
        return list({one.name: one for one in (trash.find(entries, name) for name in names)}.values())
    return [one for one in entries if not is_expired or one.record.is_expired(time.time())]


def _show_losses(one: Entry) -> None:
    record = one.record
    when = f", deleted {age(record.at)}" if record.at else ""
    click.echo(f"{one.name} (VM {record.vm or NOT_KNOWN}{when}):")
    if record.work and record.work.checked_at:
        click.echo(f"  Unsaved work, as its guest reported it {age(record.work.checked_at)}:")
    for line in tables.wrapped([f"  {line}" for line in one.losses], tables.terminal_width()):
        click.echo(line)


def _count(found: Sequence[Entry]) -> str:
    return "this entry" if len(found) == 1 else f"these {len(found)} entries"


def _code(found: Sequence[Entry]) -> int:
    """The exit code of `work` for all of them: 5 unsaved work, 6 not known, 0 none found."""
    verdicts = {one.record.work.verdict if one.record.work else NOT_KNOWN for one in found}
    if Verdict.UNSAVED_WORK.value in verdicts:
        return int(ExitCode.UNSAVED_WORK)
    return 0 if verdicts == {Verdict.CLEAN.value} else int(ExitCode.CHECK_FAILED)


def low_disk_note(vms: Vms) -> None:
    """Report little free disk, and that deleting for good frees some; deletes nothing."""
    free = shutil.disk_usage(vms.paths.lima_home).free
    if free < LOW:
        click.echo(
            f"Only {free / tables.GIB:.1f} GiB of disk are free. The trash uses disk until it is emptied "
            f"(it expires after {DAYS} days, and nothing is deleted by itself): dvm trash empty",
            err=True,
        )
