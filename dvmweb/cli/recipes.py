"""`dvm recipe`: the recipes of this house, and the user's own ones. Later verbs join the group `recipe`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from dvmweb.errors import ConfigError, DvmError, ExitCode
from dvmweb.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.cookbook import Book

NAME = click.argument("name")
JSON = click.option("--json", "as_json", is_flag=True, help="One array of objects, for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def recipe() -> None:
    """What a VM can be given: see, check, fork and make recipes."""


def _book(vms: Vms) -> Book:
    from dvmweb.cookbook import Book

    return Book(vms.paths, vms.environ)


def _listed(vms: Vms) -> Sequence[Vm] | None:
    """All VMs; None, with the reason on stderr, where no engine can be asked: recipes are there without one."""
    try:
        return vms.list_vms()
    except DvmError as error:
        click.echo(f"How recipes stand in VMs is not known: {error.what}", err=True)
        return None


@recipe.command()
@JSON
@click.pass_obj
def ls(vms: Vms, as_json: bool) -> None:
    """List all recipes: where each is from, which VMs use it."""
    from dvmweb.cli import recipe_words, show

    book = _book(vms)
    found = book.entries(_listed(vms))
    if as_json:
        show.as_json([recipe_words.facts(entry) for entry in found])
    else:
        show.table(("NAME", "CATEGORY", "FROM", "USED BY", "SUMMARY"), [recipe_words.row(entry) for entry in found])
    for problem in book.odd_files():
        click.echo(str(problem), err=True)


@recipe.command(name="show")
@NAME
@click.option("--diff", is_flag=True, help="Only how the local recipe differs from the bundled one.")
@click.option("--bundled", is_flag=True, help="The bundled recipe, also where a local one wins over it.")
@click.pass_obj
def show_recipe(vms: Vms, name: str, diff: bool, bundled: bool) -> None:
    """Show what a recipe says of itself, its script, and which VMs use it."""
    from dvmweb.cli import recipe_words

    book = _book(vms)
    if diff:
        lines = book.difference(name)
        click.echo("\n".join(lines) if lines else f"The local {name} does what the bundled one does.")
        return
    if bundled:
        click.echo(book.local.bundled(name), nl=False)
        return
    entry = book.entry(name, _listed(vms))
    for line in recipe_words.about(entry):
        click.echo(line)
    with suppress(ConfigError):  # no text: why stands in the first line
        click.echo(f"\n{book.text(name)}", nl=False)


@recipe.command()
@NAME
@click.pass_obj
def new(vms: Vms, name: str) -> None:
    """Write the template of a recipe of your own."""
    path = _book(vms).local.new(name)
    click.echo(f"Wrote {path}")
    click.echo(f"Next: edit it, then: dvm recipe check {name}. A config takes it as: recipes: [{name}]")


@recipe.command()
@NAME
@click.pass_obj
def fork(vms: Vms, name: str) -> None:
    """Copy a bundled recipe to your own, pinned: from then on yours counts."""
    path = _book(vms).local.fork(name)
    click.echo(f"Wrote {path}")
    click.echo(
        f"It counts from now on in place of the bundled {name}. Next: edit it, then: dvm recipe check {name}\n"
        f"dvm recipe show {name} --diff tells the difference, dvm recipe ls when the bundled one has changed."
    )


@recipe.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@JSON
@click.pass_obj
def check(vms: Vms, names: tuple[str, ...], as_json: bool) -> None:
    """Check recipes (all of them without a name): header, grammar, shellcheck, variables. Exit code 1: problems."""
    from dvmweb.cli import recipe_words, show

    book = _book(vms)
    uses = book.uses(None)
    found = [book.check(name, uses) for name in names or book.names()]
    odd = () if names else book.odd_files()
    if as_json:
        show.as_json([recipe_words.check_facts(one) for one in found])
    else:
        for line in recipe_words.check_lines(found):
            click.echo(line)
    for problem in odd:
        click.echo(str(problem), err=True)
    sys.exit(int(ExitCode.FAILED if odd or any(one.problems for one in found) else ExitCode.OK))


@recipe.command(name="test")
@NAME
@click.option("--vm", "origin", default="", metavar="VM", help="In a clone of this stopped VM; else in a new one.")
@click.option("--keep", is_flag=True, help="Do not delete the throwaway VM.")
@click.option("--secret", "secrets", multiple=True, metavar="P=-", help="Read the secret param P from stdin.")
@click.pass_obj
def test_recipe(vms: Vms, name: str, origin: str, keep: bool, secrets: tuple[str, ...]) -> None:
    """Run a recipe twice, each time with its probe, in a throwaway VM. Exit code 6: it could not be run here."""
    from dvmweb.cli import recipe_words
    from dvmweb.cli.follow import follow, report_end
    from dvmweb.cli.syncing import read_secrets
    from dvmweb.cookbook.testing import start_test

    job = follow(vms, start_test(vms, name, origin=origin, keep=keep, secrets=read_secrets(secrets)))
    code = report_end(vms, job)
    known = _book(vms).entry(name, ()).recipe
    has_probe = known is not None and bool(known.probe)
    for line in recipe_words.test_lines(name, job, has_probe=has_probe):
        click.echo(line)
    sys.exit(code or recipe_words.test_code(name, job))
