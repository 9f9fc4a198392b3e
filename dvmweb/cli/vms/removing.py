"""`dvm rm`: show what would be lost, ask, move the VM to the trash or delete it, and, if wanted, its config."""

from __future__ import annotations

import sys
from typing import Any

import click

from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.reports import report_only, show_report
from dvmweb.cli.vms.trash_output import low_disk_note
from dvmweb.errors import ExitCode
from dvmweb.verbs import deletion_preview, protection
from dvmweb.verbs.trash import entry_for
from dvmweb.verbs.vms import Vms


def remove(vms: Vms, name: str, *, is_sure: bool, force: bool, config: bool, now: bool) -> int:
    """Move a VM to the trash, or remove only its config if it is not created; return the exit code.

    `now`: delete it for good.
    """
    is_interactive = not is_sure and sys.stdin.isatty() and sys.stdout.isatty()
    if not deletion_preview.is_created(vms, name):
        return _remove_config(vms, name, config=config, is_interactive=is_interactive)
    protection.refuse_protected(vms.paths, name)
    trash = "" if now else entry_for(vms, name)
    if is_sure:
        digest = deletion_preview.config_digest(vms, name) if config else ""
        return _delete(vms, name, {"force": force, "config": digest, "trash": trash})
    flags = f"{' --now' if now else ''}{' --config' if config else ''}"
    todo = "Nothing was deleted. To delete it"
    code = report_only(vms, name, todo, f"dvm rm {name}{flags}", is_interactive=is_interactive)
    if not is_interactive or code == ExitCode.CANCELLED:
        return code
    return _ask(vms, name, code, config=config, trash=trash)


def _remove_config(vms: Vms, name: str, *, config: bool, is_interactive: bool) -> int:
    """Remove the config; with --config without a question, because its text is kept."""
    if not config:
        error = deletion_preview.not_created(vms, name)
        if not is_interactive:
            raise error
        click.echo(error.what, err=True)
        if not click.confirm("Remove its config? Its text is kept.", err=True):
            return int(error.exit_code)
    kept = deletion_preview.remove_config(vms, name)
    click.echo(f"The config of {name} was removed. Its text is kept in {kept}")
    return 0


def _ask(vms: Vms, name: str, code: int, *, config: bool, trash: str) -> int:
    """Ask, then delete; `code` is the exit code if the answer is no."""
    must_type, options = decided(vms, name)
    if not typed_or_yes(
        name, f"Move {name} to the trash" if trash else f"Delete {name} permanently", must_type=must_type
    ):
        click.echo("Nothing was deleted.", err=True)
        return code
    config = config or click.confirm("Also remove its config? Its text is kept.", err=True)
    digest = deletion_preview.config_digest(vms, name) if config else ""
    return _delete(vms, name, options | {"trash": trash, "config": digest})


def decided(vms: Vms, name: str) -> tuple[bool, dict[str, Any]]:
    """Whether the name must be typed, and the options that bind the job to the report that was shown.

    The job is refused if its own check finds anything else.
    """
    vm = vms.listed(name)
    known = vm.known if vm is not None else None
    must_type = known is None or known.needs_name
    expected, is_stale = (known.bound_to, bool(known.since)) if known else ("", False)
    return must_type, {"force": must_type, "expected": expected, "check": is_stale}


def typed_or_yes(name: str, what: str, *, must_type: bool) -> bool:
    """Ask for a yes, or for the name of the VM; return whether it was given."""
    if not must_type:
        return click.confirm(f"{what}?", err=True)
    todo = f"To {what[0].lower()}{what[1:]} anyway, type its name"
    typed: str = click.prompt(todo, default="", show_default=False, err=True)
    return typed.strip() == name


def _delete(vms: Vms, name: str, options: dict[str, Any]) -> int:
    job = follow(vms, vms.start_job(name, "delete", options))
    report = vms.work_of(job)
    if report is not None and job.state != "succeeded":  # the notices of a job that succeeded contain it
        show_report(name, report, as_json=False)
    code = report_end(vms, job)
    if options["trash"] and job.state == "succeeded":
        low_disk_note(vms)
    return code
