"""The job that builds a base: its plan input, and what is removed if it does not get to its end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace

from dvmweb import recipes
from dvmweb.config.model import VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, NotFound, UsageError
from dvmweb.jobs import engine_lock
from dvmweb.jobs.inputs import desired_recipes, input_of
from dvmweb.jobs.job_record import Job
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import DELETE, LIST
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.names import base_instance, base_of_instance, instance_name
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput
from dvmweb.recipes.bases import Base, why_not_in_base
from dvmweb.records import bases as records


def load_base(paths: Paths, environ: Mapping[str, str], job: Job) -> PlanInput:
    """The plan input of a base that is built; its record says from what. Raises NotFound, ConfigError, UsageError."""
    base = records.read(paths, base_of_instance(job.vm) or "")
    if base is None:
        raise NotFound(f"There is no record of {job.vm}.", "Build it again: `dvm base build`")
    config = config_of(paths, base)
    ordered = ordered_recipes(paths, base)
    plan_input = input_of(
        paths, environ, config, read_overlay(paths.overlay_file), desired_recipes(paths, config, ordered), {}
    )
    return replace(plan_input, base=base)


def config_of(paths: Paths, base: Base) -> VmConfig:
    """The config of the temporary VM in which a base is built: nothing in it belongs to one VM."""
    defaults = ConfigStore(paths).read_defaults().config(base_instance(base.name))
    return replace(
        defaults,
        image=base.image,
        arch=base.arch,
        user=base.user,
        cpus=base.cpus,
        memory=base.memory,
        disk=base.disk,
        repo="",
        kind="",
        ports=(),
        baseline=base.baseline,
        code_dir=f"/home/{base.user}/code/{base_instance(base.name)}",
        recipes=tuple(one.name for one in base.recipes if one.name != "baseline"),
        params={one.name: dict(one.params) for one in base.recipes if one.params},
    )


def ordered_recipes(paths: Paths, base: Base) -> tuple[recipes.Recipe, ...]:
    """Its recipes in the order in which they run. Raises ConfigError, UsageError for one that no base can have."""
    catalog, given = recipes.RecipeCatalog(paths), {one.name: one.params for one in base.recipes}
    names = [one.name for one in base.recipes if one.name != "baseline"]
    ordered = recipes.order(names, catalog, has_baseline=base.baseline)
    found = [one for recipe in ordered for one in recipes.validate_params(recipe, given.get(recipe.name, {}))]
    found += [one for recipe in ordered for one in recipes.missing_params(recipe, given.get(recipe.name, {}))]
    if found:
        raise ConfigError(found)
    for recipe in ordered:
        if why := why_not_in_base(recipe):
            raise UsageError(f"The recipe {recipe.name} {why}.", "Build the base without it.")
    return ordered


def end(paths: Paths, job: Job, lima: Lima, on_output: Callable[[bytes], None]) -> tuple[str, ...]:
    """Remove the temporary VM and its records; if the job did not get to its end, also all of the base."""
    name = base_of_instance(job.vm) or ""
    known = records.read(paths, name)
    if known is not None and known.is_made:
        shutil.rmtree(paths.vm_state(job.vm), ignore_errors=True)  # it is not used again
        return ()
    try:
        remove_half(paths, lima, name, on_output)
    except DvmError:
        return (f"The base {name} is not complete and could not be deleted. To remove it: `dvm base rm {name}`",)
    return ()


def remove_half(paths: Paths, lima: Lima, base: str, on_output: Callable[[bytes], None] | None = None) -> None:
    """Delete the instances of a base that was not built to its end, then its records. Raises DvmError."""
    for name in (instance_name(base_instance(base)), base_instance(base)):
        with engine_lock.held(paths):  # also when the job was cancelled
            found = lima.find(name)
            if found is not None:
                if found.protected:
                    lima.run(commands.unprotect(name), LIST)
                lima.run(commands.delete_force(name), DELETE, on_output=on_output)
                lima.end_connections(name)
        _remove_folder(paths, name)
        if lima.find(name) is not None:
            raise DvmError(f"{name} could not be deleted.", f"Delete it: `limactl delete -f {name}`")
    records.forget(paths, base)
    shutil.rmtree(paths.vm_state(base_instance(base)), ignore_errors=True)


def _remove_folder(paths: Paths, name: str) -> None:
    """Remove a folder without a lima.yaml, which a killed rename leaves and Lima does not delete."""
    folder = paths.lima_home / name
    if folder.is_dir() and not (folder / "lima.yaml").exists():
        shutil.rmtree(folder, ignore_errors=True)
