"""`dvm rescue`: writes the work of a VM to a file, or restores it in another VM."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dvmweb.cli.group import examples
from dvmweb.errors import ExitCode, NotFound, UsageError
from dvmweb.names import VM_PATTERN
from dvmweb.verbs.vms import Vms

if TYPE_CHECKING:
    from dvmweb.verbs.rescue import Rescued, Restored

MOST_SHOWN = 20  # of what is missing


@click.command(
    epilog=examples(
        "dvm rescue shop",
        "dvm rescue shop ~/backup/shop.tar",
        "dvm rescue shop --into shop2",
        "dvm rescue shop --from shop.tar --into shop2",
    )
)
@click.argument("name")
@click.argument("file", required=False, default="")
@click.option("--into", "other", default="", metavar="OTHER", help="Restore it in another running VM.")
@click.option("--from", "stored", default="", metavar="FILE", help="With --into: restore this file, made before.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def rescue(vms: Vms, name: str, file: str, other: str, stored: str, force: bool) -> None:
    """Save the work in the code folder to one file.

    It has all commits, stashes, changes and loose files of each repository. FILE is a file or folder of this computer
    (default: NAME-rescue-TIME.tar here), which dvm never unpacks here. --into restores it in another VM instead, in
    rescued/NAME of its code folder. Nothing that exists is replaced without --force. Exit code 1: something is missing,
    which is listed.
    """
    if stored and not other:
        raise UsageError("--from needs --into.", "Name the VM in which to restore the file.")
    if other and file:
        raise UsageError("Both FILE and --into were given.", "Use one; --from restores a file.")
    if stored:
        sys.exit(_restore(vms, name, Path(stored), other))
    sys.exit(_into(vms, name, other) if other else _to_file(vms, name, file, force=force))


def _to_file(vms: Vms, name: str, file: str, *, force: bool) -> int:
    from dvmweb.cli.guest.copying import Progress
    from dvmweb.verbs import rescue as verb

    target = Path(file).expanduser() if file else Path.cwd()
    with Progress(f"Rescuing {name}") as progress:
        rescued = verb.rescue(vms, name, target, is_forced=force, on_progress=progress.show)
    is_whole = _report(rescued)
    click.echo(rescued.place)
    click.echo(f"To restore it: dvm rescue {name} --from {rescued.place} --into OTHER", err=True)
    return _code(is_whole=is_whole)


def _into(vms: Vms, name: str, other: str) -> int:
    from dvmweb.cli.guest.copying import Progress
    from dvmweb.verbs import rescue as verb

    with Progress(f"Rescuing {name}") as progress:
        rescued, restored = verb.rescue_into(vms, name, other, progress.show, progress.show)
    is_whole = _report(rescued)
    return _code(is_whole=_report_restored(restored) and is_whole)


def _restore(vms: Vms, name: str, file: Path, other: str) -> int:
    from dvmweb.cli.guest.copying import Progress
    from dvmweb.verbs import rescue as verb

    if not VM_PATTERN.fullmatch(name):
        raise UsageError(f"{name} cannot name the folder.", "Use lowercase letters, digits and `-`.")
    path = file.expanduser()
    if not path.is_file():
        raise NotFound(f"There is no file {path}.", "Check the path.")
    with path.open("rb", buffering=0) as source, Progress(f"Restoring {path.name}") as progress:
        restored = verb.restore(vms, source, other, name, progress.show)
    return _code(is_whole=_report_restored(restored))


def _code(*, is_whole: bool) -> int:
    return int(ExitCode.OK if is_whole else ExitCode.FAILED)


def _report(rescued: Rescued) -> bool:
    """Print what was rescued and what was not; whether all was."""
    from dvmweb.transfer_progress import size

    repositories = "1 repository" if rescued.repositories == 1 else f"{rescued.repositories} repositories"
    files = "1 loose file" if rescued.files == 1 else f"{rescued.files} loose files"
    click.echo(f"{repositories}, {files}, {size(rescued.size)}", err=True)
    click.echo("Left out: ignored folders that tools create again, such as node_modules and .venv", err=True)
    _list("Partly rescued. Missing", rescued.problem_count, rescued.problems)
    for path in rescued.outside:
        click.echo(f"Not rescued, because it is outside the code folder: {path}", err=True)
    return not rescued.problem_count


def _report_restored(restored: Restored) -> bool:
    """Print where it is and what could not be restored; whether all was."""
    click.echo(f"Restored: {restored.place}", err=True)
    _list("Not restored (its parts are in rescue-parts there)", restored.problem_count, restored.problems)
    return not restored.problem_count


def _list(title: str, count: int, problems: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> None:
    if not count:
        return
    click.echo(f"{title}: {count}", err=True)
    for place, why in problems[:MOST_SHOWN]:
        click.echo(f"  {place}: {why}", err=True)
    if count > MOST_SHOWN:
        click.echo(f"  and {count - MOST_SHOWN} more", err=True)
