"""`dvm diff`: the config of a VM against its instance and the recipes that its guest reported."""

from __future__ import annotations

import click

from dvmweb.cli import tables
from dvmweb.errors import NotFound
from dvmweb.verbs.vms import Vms


def show(vms: Vms, name: str, *, as_json: bool) -> None:
    """Print the differences; without one, what was compared. Raises NotFound, ConfigError."""
    from dvmweb.verbs.recipes import RecipeLibrary
    from dvmweb.verbs.recipes.usage import APPLIED

    vms.check_config(name)
    listed = vms.list_vms()
    vm = next(one for one in listed if one.name == name)
    if vm.instance is None:
        raise NotFound(f"{name} is not created: there is nothing to compare.", f"Create it with `dvm sync {name}`.")
    uses = RecipeLibrary(vms.paths, vms.environ).uses(listed).by_recipe
    recipes = [(recipe, use.standing) for recipe, of_it in uses.items() for use in of_it if use.vm == name]
    differing = [(recipe, standing) for recipe, standing in recipes if standing.word != APPLIED]
    if as_json:
        facts = [
            {"kind": "config", "name": one.field, "actual": one.actual, "wanted": one.wanted, "way": one.way}
            for one in vm.pending
        ]
        facts += [
            {"kind": "recipe", "name": recipe, "actual": standing.word, "wanted": APPLIED, "way": standing.note}
            for recipe, standing in differing
        ]
        tables.as_json([{"version": 1, **one} for one in facts])
        return
    for line in vm.pending_lines:
        click.echo(line)
    for recipe, standing in differing:
        click.echo(f"Recipe {recipe}: {standing.word}" + (f" ({standing.note})" if standing.note else ""))
    if not vm.pending and not differing:
        click.echo(f"No differences: {name} has the values of its config, and {len(recipes)} recipes are applied.")
    for line in vm.pending_todo or ((f"To apply the recipes: dvm sync {name}",) if differing else ()):
        click.echo(line, err=True)
