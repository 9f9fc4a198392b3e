"""Starts the job that builds a base, from a VM's config, from recipes, or from the record of an older base."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from dvmweb import names, recipes
from dvmweb.config import fields
from dvmweb.config.model import VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.config.values import Wrong
from dvmweb.errors import DvmError, NotNow, UsageError
from dvmweb.jobs import starting
from dvmweb.jobs.bases.building import ordered_recipes
from dvmweb.jobs.bases.matching import plain_image
from dvmweb.jobs.inputs import desired_recipes
from dvmweb.jobs.job_record import Job
from dvmweb.recipes.bases import Base, BaseRecipe, first_that_fit, why_not_in_base
from dvmweb.records import bases as records
from dvmweb.verbs.bases.listing import ListedBase
from dvmweb.verbs.vms import Vms

MOST_DISK = 20 << 30  # bytes: a copy can have a larger disk, never a smaller one


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
    base = _base(vms, name, config, fitting)
    ordered_recipes(vms.paths, base)  # its errors, before anything is written
    return _start(vms, base, ""), _left_out(ordered, len(fitting))


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
    return _start(vms, base, old.name)


def _start(vms: Vms, base: Base, replaces: str) -> Job:
    vm = names.base_instance(base.name)
    names.check_socket_path(str(vms.paths.lima_home), vm)
    records.write(vms.paths, base)
    try:
        return starting.start(vms.paths, vms.environ, vm, "base", {"replaces": replaces})
    except DvmError:  # nothing was started
        records.forget(vms.paths, base.name)
        shutil.rmtree(vms.paths.vm_state(vm), ignore_errors=True)
        raise


def _base(vms: Vms, name: str, config: VmConfig, fitting: Sequence[recipes.Recipe]) -> Base:
    desired = desired_recipes(vms.paths, config, tuple(fitting))
    return Base(
        name=name,
        image=plain_image(config.image),
        arch=config.arch,
        user=config.user,
        cpus=config.cpus,
        memory=config.memory,
        disk=min(config.disk, MOST_DISK),
        baseline=config.baseline,
        recipes=tuple(BaseRecipe(one.recipe.name, "", dict(config.params.get(one.recipe.name, {}))) for one in desired),
    )


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
