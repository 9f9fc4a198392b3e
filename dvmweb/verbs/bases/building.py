"""Starts the job that builds a base, from a VM's config, from recipes, or from the record of an older base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dvmweb import names, recipes
from dvmweb.config import fields
from dvmweb.config.store import ConfigStore
from dvmweb.config.values import Wrong
from dvmweb.errors import NotNow, UsageError
from dvmweb.jobs.bases import requests
from dvmweb.jobs.bases.building import ordered_recipes
from dvmweb.jobs.job_record import Job
from dvmweb.recipes.bases import Base, BaseRecipe, first_that_fit, why_not_in_base
from dvmweb.verbs.bases.listing import ListedBase
from dvmweb.verbs.vms import Vms


def build(vms: Vms, chosen: Sequence[str] = (), *, like: str = "", image: str = "") -> tuple[Job, tuple[str, ...]]:
    """Start to build a base of these recipes, or of those of the VM `like`; its job, and what was left out and why.

    Recipes from the first that no base can have on are left out. Raises NotFound, ConfigError, UsageError.
    """
    store = ConfigStore(vms.paths)
    name = names.new_base()
    config = store.read(like) if like else store.read_defaults().config(names.base_instance(name))
    if chosen:
        config = replace(config, recipes=_expanded(store, chosen))
    if image:
        config = replace(config, image=_image(image))
    ordered = recipes.order(config.recipes, recipes.RecipeCatalog(vms.paths), has_baseline=config.baseline)
    fitting = first_that_fit(ordered)
    if not fitting:
        raise _nothing_fits(ordered)
    base = requests.requested(name, config, fitting)
    ordered_recipes(vms.paths, base)  # its errors, before anything is written
    return requests.start(vms.paths, vms.environ, base), _left_out(ordered, len(fitting))


def replacement(old: ListedBase, found: Sequence[ListedBase]) -> ListedBase | None:
    """The base that was built in the place of a stale one, if the deletion of that was interrupted."""
    return next((one for one in found if not one.reasons and old.reasons and _stands_in(one, old)), None)


def _stands_in(new: ListedBase, old: ListedBase) -> bool:
    """Whether every VM that could be a copy of `old`, were it not stale, can be one of `new`, which is not stale.

    So lima.yaml and image file of `new` are those of today, with which `old` would be built anew.
    """
    if new.record is None or old.record is None:
        return False
    return _parts(new.record) == _parts(old.record) and new.record.disk <= old.record.disk


def _parts(base: Base) -> tuple[object, ...]:
    params = tuple((recipe.name, tuple(sorted(recipe.params.items()))) for recipe in base.recipes)
    return (base.image, base.arch, base.user, params)


def refresh(vms: Vms, old: ListedBase) -> Job:
    """Start to build a base anew from what is recorded of it; the old one is deleted afterwards.

    Raises NotNow if its record is gone, ConfigError, UsageError for a recipe that no base can have any more.
    """
    if old.record is None:
        todo = f"Delete it with `dvm base rm {old.name}`, then `dvm base build`."
        raise NotNow(f"It is not known what base {old.name} was made from.", todo)
    wanted = tuple(replace(one, digest="") for one in old.record.recipes)
    base = replace(old.record, name=names.new_base(), recipes=wanted, sources=(), made=0.0)
    # Recipes that it needs can be new; they get no params.
    ordered = ordered_recipes(vms.paths, base)
    params = {one.name: one.params for one in wanted}
    base = replace(base, recipes=tuple(BaseRecipe(one.name, "", params.get(one.name, {})) for one in ordered))
    return requests.start(vms.paths, vms.environ, base, old.name)


def _expanded(store: ConfigStore, chosen: Sequence[str]) -> tuple[str, ...]:
    """The recipes, with the bundles of config.yaml replaced by theirs."""
    bundles = store.read_defaults().bundles
    return tuple(dict.fromkeys(name for word in chosen for name in bundles.get(word, (word,))))


def _image(text: str) -> str:
    try:
        return fields.image(text)
    except Wrong as error:
        raise UsageError(f"--image: {error}.", error.faults[0][2]) from error


def _left_out(ordered: Sequence[recipes.Recipe], count: int) -> tuple[str, ...]:
    rest = ordered[count:]
    if not rest:
        return ()
    words = ", ".join(one.name for one in rest)
    return (f"Not in the base: {words}. The recipe {rest[0].name} {why_not_in_base(rest[0])}.",)


def _nothing_fits(ordered: Sequence[recipes.Recipe]) -> UsageError:
    if not ordered:
        return UsageError("There is no recipe to build a base from.", "Name one: `dvm base build git node`")
    first = ordered[0]
    return UsageError(
        f"A base cannot begin with the recipe {first.name}: it {why_not_in_base(first)}.",
        "Put recipes that every VM can share before it.",
    )
