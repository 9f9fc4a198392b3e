"""`dvm doctor`: print what keeps dvm from working well, and repair what is safe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dvmweb.cli.group import JSON
from dvmweb.errors import ExitCode
from dvmweb.guest_text import visible
from dvmweb.verbs.vms import Vms

if TYPE_CHECKING:
    from dvmweb.verbs.doctor import Finding


@click.command()
@click.option("--fix", is_flag=True, help="Repair what is safe to repair, then check again.")
@JSON
@click.pass_obj
def doctor(vms: Vms, fix: bool, as_json: bool) -> None:
    """Check this computer and list problems with their fixes.

    It checks engine, virtualisation, disk, folders, configs, VMs and their clocks. Nothing is changed without --fix.
    Exit code 1: a check failed.
    """
    from dvmweb.cli import tables
    from dvmweb.verbs.doctor import State, examine, repair

    found = examine(vms)
    if fix:
        for done in repair(vms, found):
            click.echo(done, err=True)
        found = examine(vms)
    if as_json:
        tables.as_json([one.facts() for one in found])
    else:
        for one in found:
            _show(one)
    sys.exit(int(ExitCode.FAILED if any(one.state == State.FAILED for one in found) else ExitCode.OK))


def _show(finding: Finding) -> None:
    first, *more = finding.what.splitlines() or [""]
    click.echo(f"{finding.state:<9} {visible(finding.topic, 40)}: {visible(first, 500)}")
    for line in (*more, *finding.fix.splitlines()):
        click.echo(f"          {visible(line, 500)}")
    if finding.repair:
        click.echo(f"          To {finding.repair}: dvm doctor --fix")
