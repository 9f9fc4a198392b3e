"""Which VMs use a recipe, by which way, and how it stands in each: never applied where nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dvmweb import recipes
from dvmweb.config.resolve import Reading
from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, Problem
from dvmweb.jobs import applied
from dvmweb.jobs.applied import Told
from dvmweb.jobs.stored import age
from dvmweb.jobs.worlds import recipe_wishes
from dvmweb.lima.instances import Instance
from dvmweb.paths import Paths
from dvmweb.recipes import Recipe
from dvmweb.recipes.selection import BASELINE
from dvmweb.vms import Vm

APPLIED, CHANGED, NOT_APPLIED = "applied", "changed since it was applied", "not applied"
NOT_RUN, NOT_KNOWN = "not run in the demo", "not known"


@dataclass(frozen=True)
class Standing:
    """How a recipe stands in one VM."""

    word: str  # one of the five above
    note: str = ""


@dataclass(frozen=True)
class Use:
    """A VM whose config asks for a recipe."""

    vm: str
    how: str  # "by name", "by the bundle web", "needed by node", "in every VM"
    standing: Standing


@dataclass(frozen=True)
class Uses:
    """The uses of all recipes, and the configs that cannot be read."""

    by_recipe: Mapping[str, tuple[Use, ...]]
    unreadable: tuple[str, ...]  # names of VMs
    params: Mapping[str, Mapping[str, Mapping[str, object]]]  # by recipe and VM: what its config gives

    def problems(self, recipe: Recipe) -> tuple[tuple[str, Problem], ...]:
        """Params in configs that the recipe does not take, each with the VM."""
        given = self.params.get(recipe.name, {})
        return tuple((vm, problem) for vm in given for problem in recipes.validate_params(recipe, given[vm]))

    def of(self, name: str) -> tuple[Use, ...]:
        return self.by_recipe.get(name, ())


def uses(paths: Paths, vms: Sequence[Vm] | None) -> Uses:
    """Look at all configs. `vms`: as they were last listed; None where no engine could be asked."""
    store, shelf, unreadable = ConfigStore(paths), recipes.Shelf(paths).at_once(), []
    found: dict[str, list[Use]] = {}
    params: dict[str, dict[str, Mapping[str, object]]] = {}
    listed = {vm.name: vm for vm in vms or () if vm.kind != "unmanaged"}
    for name in store.names():
        try:
            reading = store.reading(name)
        except DvmError:
            unreadable.append(name)
            continue
        unreadable += [name] if reading.problems else []
        for recipe, use in _of_config(shelf, reading, listed.get(name), is_listed=vms is not None):
            found.setdefault(recipe, []).append(use)
        for recipe, given in reading.config.params.items():
            params.setdefault(recipe, {})[name] = given
    return Uses({recipe: tuple(of_it) for recipe, of_it in found.items()}, tuple(unreadable), params)


def _ordered(shelf: recipes.Shelf, reading: Reading) -> tuple[Recipe, ...]:
    """The good recipes of a config with their needs."""
    config = reading.config
    return recipes.arrange(config.recipes, shelf, has_baseline=config.baseline)[0]


def _of_config(shelf: recipes.Shelf, reading: Reading, vm: Vm | None, *, is_listed: bool) -> Iterator[tuple[str, Use]]:
    config, ordered = reading.config, _ordered(shelf, reading)
    there = {recipe.name for recipe in ordered}
    digests = {wish.recipe.name: wish.digest for wish in recipe_wishes(shelf.paths, config, ordered)}
    instance = vm.instance if vm is not None else None
    told = applied.read(shelf.paths, config.name, instance)
    for name in dict.fromkeys((*(recipe.name for recipe in ordered), *config.recipes)):
        stands = standing(told.get(name), digests.get(name, ""), instance) if is_listed else _NOT_ASKED
        if name not in there:
            stands = Standing(NOT_KNOWN, "the recipe or one that it needs cannot be used")
        yield name, Use(config.name, _how(name, reading, ordered), stands)


_NOT_ASKED = Standing(NOT_KNOWN, "the engine does not answer")


def _how(name: str, reading: Reading, ordered: Iterable[Recipe]) -> str:
    if name in reading.written:
        return "by name"
    bundles = [bundle for bundle in reading.written if name in reading.bundles.get(bundle, ())]
    if bundles:
        return f"by the bundle {bundles[0]}"
    if name == BASELINE and reading.config.baseline:
        return "in every VM with a baseline"
    askers = [recipe.name for recipe in ordered if name in recipe.needs]
    return f"needed by {' and '.join(askers)}"


def standing(told: Told | None, digest: str, instance: Instance | None) -> Standing:
    """How a recipe of hash `digest` stands by the last word of its guest. Pure."""
    if instance is None:
        return Standing(NOT_APPLIED, "the VM is not created")
    known = _as_told(told, digest)
    asked = f", as of {age(told.at)}" if told is not None else ""
    if instance.status != "Running":
        note = "the VM does not run"
        return Standing(NOT_KNOWN, f"{note}; {known.word}{asked}" if known else f"{note}, and nobody has asked it")
    if known is None or told is None:
        return Standing(NOT_KNOWN, "nobody has asked the guest")
    if not told.is_of_this_run:
        return Standing(NOT_KNOWN, f"nobody has asked since it was started; {known.word}{asked}")
    return replace(known, note=f"told {age(told.at)}")


def _as_told(told: Told | None, digest: str) -> Standing | None:
    if told is None:
        return None
    if told.applied is None:
        return Standing(NOT_APPLIED)
    if told.applied.hash != digest:
        return Standing(CHANGED)
    return Standing(APPLIED if told.applied.result == "done" else NOT_RUN)
