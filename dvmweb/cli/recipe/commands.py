"""The commands of `dvm recipe`: bundled and local recipes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from dvmweb.cli.group import Group
from dvmweb.cli.synonyms import RECIPE_VERBS
from dvmweb.errors import ConfigError, DvmError, ExitCode, UsageError
from dvmweb.verbs.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.verbs.recipes import RecipeLibrary

NAME = click.argument("name")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: an array of objects.")


@click.group(cls=Group, near_words=RECIPE_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
def recipe() -> None:
    """List, show, check, test, customize and write recipes."""


def _library(vms: Vms) -> RecipeLibrary:
    from dvmweb.verbs.recipes import RecipeLibrary

    return RecipeLibrary(vms.paths, vms.environ)


def _listed(vms: Vms) -> Sequence[Vm] | None:
    """All VMs; None, with the reason on stderr, if the engine fails: recipes do not depend on it."""
    try:
        return vms.list_vms()
    except DvmError as error:
        click.echo(f"The state of recipes in VMs is not known: {error.what}", err=True)
        return None


@recipe.command()
@JSON
@click.pass_obj
def ls(vms: Vms, as_json: bool) -> None:
    """List recipes with their origin and the VMs that use them."""
    from dvmweb.cli import tables
    from dvmweb.cli.recipe import output

    library = _library(vms)
    found = library.entries(_listed(vms))
    if as_json:
        tables.as_json([output.facts(entry) for entry in found])
    else:
        tables.table(("NAME", "CATEGORY", "FROM", "USED BY", "SUMMARY"), [output.row(entry) for entry in found])
    for problem in library.odd_files():
        click.echo(str(problem), err=True)


@recipe.command(name="show")
@NAME
@click.option("--diff", is_flag=True, help="Only the differences between the local and the bundled recipe.")
@click.option("--bundled", is_flag=True, help="The bundled recipe, even if a local one replaces it.")
@click.pass_obj
def show_recipe(vms: Vms, name: str, diff: bool, bundled: bool) -> None:
    """Show a recipe: header, script, and the VMs that use it."""
    from dvmweb.cli.recipe import output

    library = _library(vms)
    if diff:
        lines = library.difference(name)
        click.echo("\n".join(lines) if lines else f"The local {name} has the same code as the bundled one.")
        return
    if bundled:
        click.echo(library.local.bundled(name), nl=False)
        return
    entry = library.entry(name, _listed(vms))
    for line in output.about(entry):
        click.echo(line)
    with suppress(ConfigError):  # no text: the first line has the reason
        click.echo(f"\n{library.text(name)}", nl=False)


@recipe.command()
@NAME
@click.pass_obj
def new(vms: Vms, name: str) -> None:
    """Write a new local recipe from a template."""
    path = _library(vms).local.new(name)
    click.echo(f"Wrote {path}")
    click.echo(f"Next: edit it, then: dvm recipe check {name}. To use it in a config: recipes: [{name}]")


@recipe.command()
@NAME
@click.pass_obj
def fork(vms: Vms, name: str) -> None:
    """Copy a bundled recipe to customize it; the copy replaces it."""
    path = _library(vms).local.fork(name)
    click.echo(f"Wrote {path}")
    click.echo(
        f"It replaces the bundled {name} from now on. Next: edit it, then: dvm recipe check {name}\n"
        f"To see the differences: dvm recipe show {name} --diff. `dvm recipe ls` marks a changed bundled recipe."
    )


@recipe.command()
@NAME
@click.pass_obj
def edit(vms: Vms, name: str) -> None:
    """Open a local recipe in $EDITOR, then check it."""
    from dvmweb.cli.recipe import output

    library = _library(vms)
    if not library.local.has(name):
        library.entry(name, ())  # raises for a recipe that does not exist
        raise UsageError(f"{name} is a bundled recipe.", f"Customize it first: `dvm recipe fork {name}`")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("An editor needs a terminal.", f"Edit the file: {library.local.path(name)}")
    click.edit(filename=str(library.local.path(name)))
    found = library.check(name)
    for line in output.check_lines([found]):
        click.echo(line)
    sys.exit(int(ExitCode.FAILED if found.problems else ExitCode.OK))


@recipe.command()
@NAME
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@click.pass_obj
def rm(vms: Vms, name: str, yes: bool) -> None:
    """Delete a local recipe."""
    from dvmweb.files import digest

    library = _library(vms)
    if not library.local.has(name):
        library.entry(name, ())
        raise UsageError(f"{name} is a bundled recipe: it cannot be deleted.", "List local recipes: `dvm recipe ls`")
    shown = digest(library.local.text(name).encode())
    users = library.needed_by(name)
    is_bundled = library.local.has_bundled(name)
    after = "the bundled one is used instead" if is_bundled else "their configs have an error then"
    if users:
        click.echo(f"Used by {', '.join(users)}; {after}.", err=True)
    if not yes and not sys.stdin.isatty():
        raise UsageError("Nothing was deleted: there is no terminal to ask on.", f"dvm recipe rm {name} --yes")
    if not yes:
        click.confirm(f"Delete {library.local.path(name)} permanently?", abort=True, err=True)
    library.local.delete(name, shown)
    click.echo(f"Deleted {library.local.path(name)}")


@recipe.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@JSON
@click.pass_obj
def check(vms: Vms, names: tuple[str, ...], as_json: bool) -> None:
    """Check recipes without running them.

    Without NAME, all recipes. It checks header, shell syntax and variables, and runs shellcheck. Exit code 1: problems
    found.
    """
    from dvmweb.cli import tables
    from dvmweb.cli.recipe import output

    library = _library(vms)
    uses = library.uses(None)
    found = [library.check(name, uses) for name in names or library.names()]
    odd = () if names else library.odd_files()
    if as_json:
        tables.as_json([output.check_facts(one) for one in found])
    else:
        for line in output.check_lines(found):
            click.echo(line)
    for problem in odd:
        click.echo(str(problem), err=True)
    sys.exit(int(ExitCode.FAILED if odd or any(one.problems for one in found) else ExitCode.OK))


@recipe.command(name="test")
@NAME
@click.option("--vm", "origin", default="", metavar="NAME", help="Use a clone of this stopped VM instead of a new VM.")
@click.option("--keep", is_flag=True, help="Keep the temporary VM.")
@click.option("--secret", "secrets", multiple=True, metavar="PARAM=-", help="Read this secret param from stdin.")
@click.pass_obj
def test_recipe(vms: Vms, name: str, origin: str, keep: bool, secrets: tuple[str, ...]) -> None:
    """Test a recipe in a temporary VM.

    It runs twice, each time with its probe. Exit code 6: it could not be run here.
    """
    from dvmweb.cli.follow import follow, report_end
    from dvmweb.cli.recipe import output
    from dvmweb.cli.vms.syncing import read_secrets
    from dvmweb.verbs.recipes.trial import start_test

    job = follow(vms, start_test(vms, name, origin=origin, keep=keep, secrets=read_secrets(secrets)))
    code = report_end(vms, job)
    known = _library(vms).entry(name, ()).recipe
    has_probe = known is not None and bool(known.probe)
    for line in output.test_lines(name, job, has_probe=has_probe):
        click.echo(line)
    sys.exit(code or output.test_code(name, job))
