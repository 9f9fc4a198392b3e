"""`dvm import`: show what each line of an old config became, and write the new ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dvmweb.cli import tables
from dvmweb.config.bash_dvm.conversion import Row
from dvmweb.config.legacy import bash_folder
from dvmweb.errors import ExitCode
from dvmweb.guest_text import visible
from dvmweb.verbs import configs, importing
from dvmweb.verbs.importing import Import
from dvmweb.verbs.vms import Vms

MARKS = {"imported": " ", "nothing to import": "-", "not imported": "!"}


def run(vms: Vms, folder: str, only: tuple[str, ...], *, dry_run: bool, as_json: bool) -> int:
    """Import a folder; return the exit code."""
    found = importing.read(vms.paths, Path(folder).absolute() if folder else bash_folder(vms.paths), only)
    if not dry_run:
        importing.write(found)
        configs.refresh_schema(vms.paths)
    if as_json:
        problems = [Row("", 0, 0, "", "not imported", problem) for problem in found.problems]
        tables.as_json([row_facts(row) for row in (*found.conversion.rows, *problems)])
    else:
        _print(found, dry_run=dry_run)
    _end(found, is_last=dry_run or as_json)
    return ExitCode.OK if found.is_whole else ExitCode.FAILED


def row_facts(row: Row) -> dict[str, Any]:
    """Lines, or a file, as `dvm import --json` prints them."""
    return {"version": 1, **{key: value or None for key, value in asdict(row).items()}}


def _print(found: Import, *, dry_run: bool) -> None:
    """The report, and the files."""
    _report(found)
    if dry_run:
        _preview(found)
    else:
        for one in found.new:
            click.echo(f"Wrote {one.path}")
    for path in found.same:
        click.echo(f"Exists already, with the same content: {path}")
    if found.kept:
        click.echo(f"Recipes that stay where they are: {', '.join(visible(name, 60) for name in found.kept)}")


def _report(found: Import) -> None:
    """Each line, what became of it, and a mark for what is not imported."""
    file = ""
    width = max((len(row.text) for row in found.conversion.rows), default=0)
    for row in found.conversion.rows:
        if row.file != file:
            click.echo(f"{chr(10) if file else ''}{row.file}")
            file = row.file
        click.echo(f"{MARKS[row.level]} {row.line:>4}  {row.text.ljust(min(width, 50))}  {_result(row)}")
    click.echo()


def _result(row: Row) -> str:
    """What became of a line, in words that do not need the mark."""
    until = f" (lines {row.line} to {row.last})" if row.last > row.line and row.level == "not imported" else ""
    return row.what if row.level == "imported" else f"{row.level}: {row.what}{until}"


def _preview(found: Import) -> None:
    for one in found.new:
        click.echo(f"Would write {one.path}")
        if one.path.suffix == ".yaml":
            click.echo("".join(f"    {line}\n" for line in one.data.decode().splitlines()))


def _end(found: Import, *, is_last: bool) -> None:
    """What is not imported and, if this is not the last step, the next command."""
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.conversion.left:
        count = len(found.conversion.left)
        click.echo(f"{count} {'place is' if count == 1 else 'places are'} not imported:", err=True)
        for row in found.conversion.left:
            click.echo(f"  {row.file}:{row.line}: {row.what}", err=True)
    for name in found.made:
        click.echo(
            f"The Lima instance dvm-{name} exists. Save its work and delete it (limactl delete dvm-{name}) before "
            f"you run: dvm sync {name}",
            err=True,
        )
    if found.vms and not is_last:
        click.echo(f"Next: dvm sync {found.vms[0]} --dry-run")
