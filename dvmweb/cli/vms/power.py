"""`dvm start`, `stop`, `restart` and `sync` of one or several VMs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.group import JSON, examples
from dvmweb.cli.reports import confirm_terminals
from dvmweb.cli.vms.syncing import run_sync, show_plans
from dvmweb.errors import UsageError
from dvmweb.verbs.vms import Vms

NAMES = click.argument("names", nargs=-1, metavar="[NAME]...")


@click.command()
@NAMES
@click.option("--all", "is_all", is_flag=True, help="Start every VM that is stopped.")
@JSON
@click.pass_obj
def start(vms: Vms, names: tuple[str, ...], is_all: bool, as_json: bool) -> None:
    """Start VMs and wait until they respond."""
    sys.exit(_start(vms, names, is_all=is_all, as_json=as_json))


@click.command()
@NAMES
@click.option("--all", "is_all", is_flag=True, help="Stop every VM that runs.")
@click.option("--inactive", is_flag=True, help="Stop VMs without a terminal, a job or a command; never a service.")
@click.option("--force", is_flag=True, help="Kill it; what the guest has not written to disk can be lost.")
@click.option("--yes", is_flag=True, help="Stop it even if programs run in its terminals.")
@JSON
@click.pass_obj
def stop(vms: Vms, names: tuple[str, ...], is_all: bool, inactive: bool, force: bool, yes: bool, as_json: bool) -> None:
    """Check for unsaved work, then stop VMs."""
    code = _stop(vms, names, is_all=is_all, is_inactive=inactive, force=force, is_sure=yes, as_json=as_json)
    sys.exit(code)


@click.command()
@NAMES
@click.option("--all", "is_all", is_flag=True, help="Restart every VM that runs.")
@click.option("--yes", is_flag=True, help="Restart it even if programs run in its terminals.")
@JSON
@click.pass_obj
def restart(vms: Vms, names: tuple[str, ...], is_all: bool, yes: bool, as_json: bool) -> None:
    """Stop VMs, then start them."""
    sys.exit(_restart(vms, names, is_all=is_all, is_sure=yes, as_json=as_json))


@click.command(
    epilog=examples("dvm sync shop --dry-run", "dvm sync shop --restart", "dvm sync shop --secret token=- < token")
)
@NAMES
@click.option("--all", "is_all", is_flag=True, help="Sync every VM that has a config.")
@click.option("--dry-run", is_flag=True, help="Show the steps without running them.")
@click.option("--fresh", is_flag=True, help="Run every recipe again.")
@click.option("--update", is_flag=True, help="Also update recipes that install the latest version.")
@click.option("--restart", is_flag=True, help="Restart the VM if a change of its config needs it.")
@click.option("--no-base", is_flag=True, help="Create a new VM from its image, also if a base fits.")
@click.option("--secret", "secrets", multiple=True, metavar="PARAM=-", help="Read this secret param from stdin.")
@JSON
@click.pass_obj
def sync(
    vms: Vms,
    /,
    names: tuple[str, ...],
    is_all: bool,
    dry_run: bool,
    secrets: tuple[str, ...],
    as_json: bool,
    **options: bool,
) -> None:
    """Create or start VMs and apply their configs."""
    sys.exit(_sync(vms, names, options, is_all=is_all, dry_run=dry_run, secrets=secrets, as_json=as_json))


def _start(vms: Vms, names: Sequence[str], *, is_all: bool, as_json: bool) -> int:
    """Start VMs; the exit code."""
    from dvmweb.verbs import selection

    return _run(vms, selection.chosen(vms, "start", names, is_all=is_all), (("start", {}),), as_json=as_json)


def _stop(
    vms: Vms,
    names: Sequence[str],
    *,
    is_all: bool,
    is_inactive: bool,
    force: bool,
    is_sure: bool,
    as_json: bool,
) -> int:
    """Stop VMs, with `is_inactive` those that are not in use; the exit code."""
    from dvmweb.verbs import selection

    if is_inactive and (names or is_all):
        raise UsageError("--inactive was given with names or --all.", "Use one of them.")
    if is_inactive:
        chosen, skipped = selection.inactive(vms)
        for one in skipped:
            click.echo(f"{one.name} is not stopped: {one.why}.", err=True)
    else:
        chosen = selection.chosen(vms, "stop", names, is_all=is_all)
    if not is_sure:
        for name in chosen:
            confirm_terminals(vms, name)
    return _run(vms, chosen, (("stop", {"force": force}),), as_json=as_json)


def _restart(vms: Vms, names: Sequence[str], *, is_all: bool, is_sure: bool, as_json: bool) -> int:
    """Stop and start VMs; the exit code."""
    from dvmweb.verbs import selection

    chosen = selection.chosen(vms, "restart", names, is_all=is_all)
    if not is_sure:
        for name in chosen:
            confirm_terminals(vms, name)
    return _run(vms, chosen, (("restart", {}),), as_json=as_json)


def _sync(
    vms: Vms,
    names: Sequence[str],
    options: dict[str, Any],
    *,
    is_all: bool,
    dry_run: bool,
    secrets: tuple[str, ...],
    as_json: bool,
) -> int:
    """Sync VMs, or show what that would do; the exit code."""
    from dvmweb.verbs import selection

    chosen = selection.chosen(vms, "sync", names, is_all=is_all)
    is_one = len(chosen) == 1 and not as_json
    if secrets and not is_one:
        raise UsageError("--secret is for one VM.", "Sync that VM alone, without --json.")
    if dry_run:
        show_plans(vms, chosen, options, as_json=as_json)
        return 0
    if is_one:
        return run_sync(vms, chosen[0], options, secrets)
    return _run(vms, chosen, (("sync", options),), as_json=as_json)


def _run(vms: Vms, names: Sequence[str], verbs: Sequence[tuple[str, dict[str, Any]]], *, as_json: bool) -> int:
    if not names and not as_json:
        click.echo("There is nothing to do.")
        return 0
    if len(names) != 1 or as_json:
        from dvmweb.cli.vms import several

        return several.run(vms, names, verbs, as_json=as_json)
    for verb, options in verbs:
        code = report_end(vms, follow(vms, vms.start_job(names[0], verb, options)))
        if code:
            return code
        sys.stdout.flush()
    return 0
