"""Which VMs use a recipe, why, and its state in each: "applied" only if that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dvmweb import recipes
from dvmweb.ages import age
from dvmweb.config.store import ConfigStore
from dvmweb.config.validate import Reading
from dvmweb.errors import DvmError, Problem
from dvmweb.jobs.inputs import desired_recipes
from dvmweb.lima.instances import Instance
from dvmweb.paths import Paths
from dvmweb.recipes import Recipe
from dvmweb.recipes.selection import BASELINE
from dvmweb.records import applied_recipes
from dvmweb.records.applied_recipes import RecipeReport
from dvmweb.verbs.vms import Vm

APPLIED, CHANGED, NOT_APPLIED = "applied", "changed since it was applied", "not applied"
NOT_RUN, NOT_KNOWN = "not run in the demo", "not known"


@dataclass(frozen=True)
class Standing:
    """The state of a recipe in one VM."""

    word: str  # one of the five constants above
    note: str = ""


@dataclass(frozen=True)
class Use:
    """A VM whose config uses a recipe."""

    vm: str
    how: str  # "by name", "by the bundle web", "needed by node", "in every VM"
    standing: Standing


@dataclass(frozen=True)
class Uses:
    """The uses of all recipes, and the configs that cannot be read."""

    by_recipe: Mapping[str, tuple[Use, ...]]
    unreadable: tuple[str, ...]  # names of VMs
    params: Mapping[str, Mapping[str, Mapping[str, object]]]  # the params in the config, by recipe and VM

    def problems(self, recipe: Recipe) -> tuple[tuple[str, Problem], ...]:
        """Params in configs that the recipe does not take, each with the VM."""
        given = self.params.get(recipe.name, {})
        return tuple((vm, problem) for vm in given for problem in recipes.validate_params(recipe, given[vm]))

    def of(self, name: str) -> tuple[Use, ...]:
        return self.by_recipe.get(name, ())


def uses(paths: Paths, vms: Sequence[Vm] | None) -> Uses:
    """The uses in all configs. `vms`: as last listed, None without a listing."""
    store, catalog, unreadable = ConfigStore(paths), recipes.RecipeCatalog(paths).at_once(), []
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
        for recipe, use in _of_config(catalog, reading, listed.get(name), is_listed=vms is not None):
            found.setdefault(recipe, []).append(use)
        for recipe, given in reading.config.params.items():
            params.setdefault(recipe, {})[name] = given
    return Uses({recipe: tuple(of_it) for recipe, of_it in found.items()}, tuple(unreadable), params)


def _ordered(catalog: recipes.RecipeCatalog, reading: Reading) -> tuple[Recipe, ...]:
    """The valid recipes of a config with their needs."""
    config = reading.config
    return recipes.arrange(config.recipes, catalog, has_baseline=config.baseline)[0]


def _of_config(
    catalog: recipes.RecipeCatalog, reading: Reading, vm: Vm | None, *, is_listed: bool
) -> Iterator[tuple[str, Use]]:
    config, ordered = reading.config, _ordered(catalog, reading)
    there = {recipe.name for recipe in ordered}
    digests = {desired.recipe.name: desired.digest for desired in desired_recipes(catalog.paths, config, ordered)}
    instance = vm.instance if vm is not None else None
    reports = applied_recipes.read(catalog.paths, config.name, instance)
    for name in dict.fromkeys((*(recipe.name for recipe in ordered), *config.recipes)):
        state = standing(reports.get(name), digests.get(name, ""), instance) if is_listed else _NO_ENGINE
        if name not in there:
            state = Standing(NOT_KNOWN, "the recipe or one that it needs is not usable")
        yield name, Use(config.name, _how(name, reading, ordered), state)


_NO_ENGINE = Standing(NOT_KNOWN, "the engine does not respond")


def _how(name: str, reading: Reading, ordered: Iterable[Recipe]) -> str:
    if name in reading.written:
        return "by name"
    bundles = [bundle for bundle in reading.written if name in reading.bundles.get(bundle, ())]
    if bundles:
        return f"in the bundle {bundles[0]}"
    if name == BASELINE and reading.config.baseline:
        return "in every VM with the baseline"
    needing = [recipe.name for recipe in ordered if name in recipe.needs]
    return f"needed by {' and '.join(needing)}"


def standing(report: RecipeReport | None, digest: str, instance: Instance | None) -> Standing:
    """The state of a recipe with hash `digest`, by the last report of its guest. Pure."""
    if instance is None:
        return Standing(NOT_APPLIED, "the VM is not created")
    known = _from_report(report, digest)
    when = f", as of {age(report.at)}" if report is not None else ""
    if instance.status != "Running":
        note = "the VM is not running"
        return Standing(NOT_KNOWN, f"{note}; {known.word}{when}" if known else f"{note} and was not checked")
    if known is None or report is None:
        return Standing(NOT_KNOWN, "the guest was not checked")
    if not report.is_of_this_run:
        return Standing(NOT_KNOWN, f"not checked since the VM was started; {known.word}{when}")
    if report.is_late and known.word == APPLIED:
        return Standing(NOT_KNOWN, f"it ran; its probe did not finish in time, {age(report.at)}")
    return replace(known, note=f"reported {age(report.at)}")


def _from_report(report: RecipeReport | None, digest: str) -> Standing | None:
    if report is None:
        return None
    if report.applied is None:
        return Standing(NOT_APPLIED)
    if report.applied.hash != digest:
        return Standing(CHANGED)
    return Standing(APPLIED if report.applied.result == "done" else NOT_RUN)
