"""`dvm rewind`: show what would be lost, ask, move the VM to the trash and put a copy of a checkpoint in its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.reports import report_only, show_report
from dvmweb.cli.vms import checkpoint_output
from dvmweb.cli.vms.removing import decided, typed_or_yes
from dvmweb.cli.vms.trash_output import low_disk_note
from dvmweb.errors import ExitCode
from dvmweb.records import rewinds
from dvmweb.verbs import checkpoints, protection
from dvmweb.verbs.checkpoints import Checkpoint
from dvmweb.verbs.vms import Vms


def rewind(vms: Vms, name: str, checkpoint: str, *, config: bool, is_sure: bool, force: bool) -> int:
    """Rewind a VM, after showing what would be lost; the exit code."""
    was_half = rewinds.is_half(vms.paths, name)
    found = checkpoint_output.repaired(vms)
    if was_half and not rewinds.is_half(vms.paths, name):  # that was the rewind
        return 0
    one = checkpoints.chosen(found, name, checkpoint)
    is_created = checkpoints.is_created(vms, name)
    click.echo(f"Rewind {name} to {checkpoint_output.line(one)}")
    if one.was_started:
        click.echo(f"{one.name} was started since it was made, not by dvm: it can differ from the VM of that time.")
    for line in _differences(vms, one, wanted=config) if vms.has_config(name) else ():
        click.echo(line)
    if not is_created:  # there is nothing to lose
        return _run(vms, one, {"force": False, "config": config})
    protection.refuse_protected(vms.paths, name)
    if is_sure:
        return _run(vms, one, {"force": force, "config": config})
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
    command = f"dvm rewind {name} {one.name}{' --config' if config else ''}"
    code = report_only(vms, name, "Nothing was changed. To rewind it", command, is_interactive=is_interactive)
    if not is_interactive or code == ExitCode.CANCELLED:
        return code
    must_type, options = decided(vms, name)
    if not typed_or_yes(name, f"Move {name} to the trash and rewind it", must_type=must_type):
        click.echo("Nothing was changed.", err=True)
        return code
    return _run(vms, one, options | {"config": config})


def _run(vms: Vms, one: Checkpoint, options: dict[str, Any]) -> int:
    name = one.record.vm
    job = follow(vms, checkpoints.rewind(vms, one, **options))
    report = vms.work_of(job)
    if report is not None and job.state != "succeeded":  # the notices of a job that succeeded contain it
        show_report(name, report, as_json=False)
    code = report_end(vms, job)
    if job.state == "succeeded":
        low_disk_note(vms)
    return code


def _differences(vms: Vms, one: Checkpoint, *, wanted: bool) -> Iterator[str]:
    """What differs between the config and that of the checkpoint, as lines."""
    if checkpoints.is_of_another(vms, one):
        yield f"This checkpoint is of another VM that was named {one.record.vm}: with another identity and SSH key."
    found = checkpoints.config_difference(vms, one)
    if found is None:
        yield "The config of that time is not known. The config stays."
    elif found:
        yield (
            "The config goes back too:" if wanted else "The config stays as it is. To go back to that of then: --config"
        )
        yield from (f"  {line}" for line in found)
