"""The recipes of one VM: their order, their params, and the hash that decides when one runs again."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dvmweb.errors import ConfigError, NotFound, Problem
from dvmweb.files import digest
from dvmweb.guest_text import visible
from dvmweb.recipes.catalog import RecipeCatalog
from dvmweb.recipes.local import unpinned
from dvmweb.recipes.model import Param, Recipe
from dvmweb.recipes.param_types import misfit, script_value, untyped

BASELINE = "baseline"
MAX_CHAIN = 50  # recipes that need each other in a row
MAX_VALUE = 4096  # characters of one param


def order(names: Iterable[str], catalog: RecipeCatalog, *, has_baseline: bool = True) -> tuple[Recipe, ...]:
    """Return the recipes and all recipes that they need, needs first, otherwise in the given order.

    Without `has_baseline`, a need of `baseline` is ignored. Raises ConfigError with all unknown, circular and
    unreadable recipes.
    """
    found, problems = arrange(names, catalog, has_baseline=has_baseline)
    if problems:
        raise ConfigError(problems)
    return found


def arrange(
    names: Iterable[str], catalog: RecipeCatalog, *, has_baseline: bool = True, places: Mapping[str, Problem] = {}
) -> tuple[tuple[Recipe, ...], tuple[Problem, ...]]:
    """Return the valid recipes like `order`, and the problems of the others.

    `places` maps a name to the field, file and line that name it.
    """
    walk = _Walk(catalog, has_baseline=has_baseline)
    for name in ([BASELINE] if has_baseline else []) + list(names):
        walk.add(name, (), places.get(name, Problem("recipes", "", "")))
    return tuple(recipe for recipe in walk.done.values() if recipe is not None), tuple(walk.problems)


class _Walk:
    """One depth-first walk over needs."""

    def __init__(self, catalog: RecipeCatalog, *, has_baseline: bool) -> None:
        self.catalog = catalog
        self.has_baseline = has_baseline
        self.done: dict[str, Recipe | None] = {}  # None: loaded, and invalid
        self.problems: list[Problem] = []

    def add(self, name: str, trail: tuple[str, ...], listed_at: Problem) -> None:
        """Add `name` after its needs; `trail`: the recipes that led here, `asker`: the place that names it."""
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            self._refuse(listed_at, f"the recipes need each other: {circle}", "Remove one of these needs.")
            return
        if len(trail) > MAX_CHAIN:
            self._refuse(
                listed_at, f"more than {MAX_CHAIN} recipes need each other in a row", "Remove some of these needs."
            )
            return
        if name in self.done:
            return
        try:
            recipe = self.catalog.load(name)
        except ConfigError as error:
            self.problems += error.problems
            self.done[name] = None
            return
        except NotFound as error:
            self._refuse(listed_at, error.what.rstrip("."), error.todo)
            self.done[name] = None
            return
        for need in recipe.needs:
            if need != BASELINE or self.has_baseline:
                self.add(need, (*trail, name), Problem("needs", "", "", str(recipe.path)))
        self.done.setdefault(name, recipe)

    def _refuse(self, listed_at: Problem, what: str, todo: str) -> None:
        self.problems.append(replace(listed_at, what=what, todo=todo))


def secret_params(recipe: Recipe) -> tuple[Param, ...]:
    """The secret params: asked for before a job and never saved."""
    return tuple(param for param in recipe.params if param.secret)


def units(ordered: Iterable[Recipe]) -> tuple[str, ...]:
    """The systemd units of several recipes, each once."""
    return tuple(dict.fromkeys(unit for recipe in ordered for unit in recipe.units))


def param_values(recipe: Recipe, given: Mapping[str, object]) -> dict[str, str]:
    """The values of all params except secrets, as the script gets them: given values, or defaults.

    true and false become 1 and 0, and for a yes-no param yes and no as well.
    """
    taken = [param for param in recipe.params if not param.secret and (param.name in given or not param.is_inferred)]
    return {param.name: script_value(param, given.get(param.name, param.default)) for param in taken}


def validate_params(recipe: Recipe, given: Mapping[str, object]) -> tuple[Problem, ...]:
    """All problems of the params that a config gives to one recipe; a secret is a problem."""
    known = {param.name: param for param in recipe.params}
    problems: list[Problem] = []
    for name, value in given.items():
        field = f"params.{recipe.name}.{visible(name, 40)}"
        param = known.get(name)
        if param is None:
            todo = f"Its params are: {', '.join(known)}." if known else "Remove it; this recipe has no params."
            problems.append(Problem(field, f"the recipe {recipe.name} has no such param", todo))
        elif param.secret:
            todo = f"Remove it here and pass it with --secret {name}=-"
            problems.append(Problem(field, "a secret is not allowed in a config", todo))
        elif not isinstance(value, str | int):
            problems.append(Problem(field, "this is not text", "Write text, a whole number, true or false."))
        elif len(str(value)) > MAX_VALUE or any(unicodedata.category(c)[0] == "C" for c in str(value)):
            todo = f"Write one line of at most {MAX_VALUE} characters, without control characters."
            problems.append(Problem(field, "this text is too long or has hidden characters", todo))
        elif todo := misfit(param, value):
            problems.append(Problem(field, f"'{visible(str(value), 60)}' does not fit", todo))
    return tuple(problems)


def missing_params(recipe: Recipe, given: Mapping[str, object]) -> tuple[Problem, ...]:
    """A problem for each required param that the config does not give."""
    return tuple(
        Problem(
            f"params.{recipe.name}.{param.name}",
            f"the recipe {recipe.name} needs {param.label.lower()}",
            f"Write params: {{{recipe.name}: {{{param.name}: ...}}}}. {param.help}".rstrip(". ") + ".",
        )
        for param in recipe.params
        if param.is_required and not str(given.get(param.name, "")).strip()
    )


def recipe_hash(
    recipe: Recipe, library_text: str, params: Mapping[str, str], releases: str = "", files: Mapping[str, str] = {}
) -> str:
    """SHA-256 (hex) of script, `_lib.sh`, params except secrets, releases, files. If it changes, a sync runs it again.

    Left out: the pin of a fork, as an unchanged fork is the same as the bundled recipe, and the types of params.
    """
    facts = {"version": 1, "script": untyped(unpinned(recipe.text)), "library": library_text, "params": dict(params)}
    if releases:
        facts["releases"] = releases
    if files:
        facts["files"] = dict(files)
    return digest(json.dumps(facts, sort_keys=True).encode())
