"""The state of each recipe of a VM, and the secrets that its next sync needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dvmweb import recipes
from dvmweb.errors import DvmError
from dvmweb.jobs import inputs
from dvmweb.paths import Paths
from dvmweb.plans import DesiredRecipe
from dvmweb.records import applied_recipes
from dvmweb.verbs.recipes.usage import APPLIED, Standing, standing
from dvmweb.verbs.vms import Vm


@dataclass(frozen=True)
class Secret:
    """A secret that recipes of a VM need. dvm does not store it, so it is asked for whenever one of them has to run."""

    name: str
    label: str
    help: str
    recipes: tuple[str, ...]
    is_needed: bool  # one of them is not known to be applied
    is_kept: bool = False  # the guest stores it for all of them


def recipes_of(paths: Paths, vm: Vm) -> tuple[recipes.Recipe, ...]:
    """The recipes of a VM in run order; () without a config. Raises ConfigError."""
    return inputs.recipes_of(paths, vm.config) if vm.config is not None else ()


def standings_of(paths: Paths, vm: Vm) -> dict[str, Standing]:
    """The state of each recipe of a VM, by name. Raises DvmError if its config or recipes are invalid."""
    return _standings(paths, vm, _wanted_recipes(paths, vm))


def _standings(paths: Paths, vm: Vm, wanted_recipes: tuple[DesiredRecipe, ...]) -> dict[str, Standing]:
    reports = applied_recipes.read(paths, vm.name, vm.instance)
    return {
        desired.recipe.name: standing(reports.get(desired.recipe.name), desired.digest, vm.instance)
        for desired in wanted_recipes
    }


def _wanted_recipes(paths: Paths, vm: Vm) -> tuple[DesiredRecipe, ...]:
    return inputs.desired_recipes(paths, vm.config, recipes_of(paths, vm)) if vm.config is not None else ()


def secrets_of(paths: Paths, vm: Vm) -> tuple[Secret, ...]:
    """The secrets of a VM in the order of its recipes; () if its config or recipes are invalid."""
    try:
        wanted_recipes = _wanted_recipes(paths, vm)
    except DvmError:
        return ()
    stands = _standings(paths, vm, wanted_recipes)
    found: dict[str, Secret] = {}
    for desired in wanted_recipes:
        name = desired.recipe.name
        for param in recipes.secret_params(desired.recipe):
            known = found.get(param.name, Secret(param.name, param.label, param.help, (), False, True))
            is_needed = known.is_needed or stands[name].word != APPLIED
            is_kept = known.is_kept and param.is_kept
            owners = (*known.recipes, name)
            found[param.name] = replace(known, recipes=owners, is_needed=is_needed, is_kept=is_kept)
    return tuple(found.values())
