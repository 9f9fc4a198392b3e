"""`dvm rm`: show what would be lost, ask, delete the VM and, if wanted, its config."""

from __future__ import annotations

import sys
from typing import Any

import click

from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.reports import report_only, show_report
from dvmweb.errors import ExitCode
from dvmweb.verbs import deletion_preview, protection
from dvmweb.verbs.vms import Vms


def remove(vms: Vms, name: str, *, is_sure: bool, force: bool, config: bool) -> int:
    """Delete a VM, or only its config if it is not created; return the exit code."""
    is_interactive = not is_sure and sys.stdin.isatty() and sys.stdout.isatty()
    if not deletion_preview.is_created(vms, name):
        return _remove_config(vms, name, config=config, is_interactive=is_interactive)
    protection.refuse_protected(vms.paths, name)
    if is_sure:
        return _delete(
            vms, name, {"force": force, "config": deletion_preview.config_digest(vms, name) if config else ""}
        )
    code = report_only(vms, name, is_interactive=is_interactive)
    return code if not is_interactive or code == ExitCode.CANCELLED else _ask(vms, name, code, config=config)


def _remove_config(vms: Vms, name: str, *, config: bool, is_interactive: bool) -> int:
    """Remove the config; with --config without a question, because its text is kept."""
    if not config:
        error = deletion_preview.not_created(name)
        if not is_interactive:
            raise error
        click.echo(error.what, err=True)
        if not click.confirm("Remove its config? Its text is kept.", err=True):
            return int(error.exit_code)
    kept = deletion_preview.remove_config(vms, name)
    click.echo(f"The config of {name} was removed. Its text is kept in {kept}")
    return 0


def _ask(vms: Vms, name: str, code: int, *, config: bool) -> int:
    """Ask, then delete; `code` is the exit code if the answer is no."""
    vm = vms.listed(name)
    known = vm.known if vm is not None else None
    must_type = known is None or known.needs_name
    if not _is_wanted(name, must_type=must_type):
        click.echo("Nothing was deleted.", err=True)
        return code
    config = config or click.confirm("Also remove its config? Its text is kept.", err=True)
    # The delete is refused if its own check finds anything else than was shown here.
    expected, is_stale = (known.bound_to, bool(known.since)) if known else ("", False)
    options: dict[str, Any] = {"force": must_type, "expected": expected, "check": is_stale}
    return _delete(vms, name, options | {"config": deletion_preview.config_digest(vms, name) if config else ""})


def _is_wanted(name: str, *, must_type: bool) -> bool:
    if not must_type:
        return click.confirm(f"Delete {name} permanently?", err=True)
    typed: str = click.prompt(f"To delete {name} anyway, type its name", default="", show_default=False, err=True)
    return typed.strip() == name


def _delete(vms: Vms, name: str, options: dict[str, Any]) -> int:
    job = follow(vms, vms.start_job(name, "delete", options))
    report = vms.work_of(job)
    if report is not None and job.state != "succeeded":  # the notices of a job that succeeded contain it
        show_report(name, report, as_json=False)
    return report_end(vms, job)
