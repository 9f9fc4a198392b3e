"""The recipe test in a temporary VM: its plan input, the lock on the cloned VM, and the clean-up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dvmweb import recipes
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError
from dvmweb.jobs import engine_lock, starting
from dvmweb.jobs.inputs import check_secrets, desired_recipes, input_of
from dvmweb.jobs.job_record import Job
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import DELETE
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.plans import Options, PlanInput


def load_trial(paths: Paths, environ: Mapping[str, str], job: Job, secrets: Mapping[str, bytes]) -> PlanInput:
    """The plan input of a temporary VM with one recipe; its config is that of the cloned VM, or the defaults.

    Raises NotFound, ConfigError for the recipe, its params and the config, UsageError for an unused secret.
    """
    options, store, catalog = Options(**job.options), ConfigStore(paths), recipes.RecipeCatalog(paths)
    config = store.read(options.origin) if options.origin else store.read_defaults().config(job.vm)
    ordered = recipes.order([options.recipe], catalog, has_baseline=config.baseline)
    check_secrets(ordered, secrets)
    found = [one for recipe in ordered for one in recipes.validate_params(recipe, config.params.get(recipe.name, {}))]
    if found:
        raise ConfigError(found)
    # No ports: those of the cloned VM can be in use, and a test does not need them.
    config = replace(config, name=job.vm, repo="", ports=(), recipes=(options.recipe,))
    return input_of(
        paths, environ, config, read_overlay(paths.overlay_file), desired_recipes(paths, config, ordered), secrets
    )


@contextmanager
def origin_held(paths: Paths, origin: str) -> Iterator[None]:
    """Hold the lock of the VM to be cloned; without one, do nothing. Raises VmBusy."""
    if not origin:
        yield
        return
    lock = starting.take(paths, origin)
    try:
        yield
    finally:
        lock.release()


def end(
    paths: Paths, job: Job, lima: Lima, on_output: Callable[[bytes], None], *, is_made: bool, is_kept: bool
) -> tuple[str, ...]:
    """Delete the temporary VM if this job has made it; return notices about a VM that was kept or not deleted."""
    name = instance_name(job.vm)
    if is_made and is_kept:
        return (f"{name} was kept. Open a shell: limactl shell {name}. Delete it: limactl delete -f {name}",)
    try:
        if is_made and lima.find(name) is not None:
            _delete(paths, lima, name, on_output)
        is_left = is_made and lima.find(name) is not None
    except DvmError:
        is_left = True
    if is_left:
        return (f"{name} could not be deleted. Delete it: limactl delete -f {name}",)
    shutil.rmtree(paths.vm_state(job.vm), ignore_errors=True)  # it is not used again
    return ()


def _delete(paths: Paths, lima: Lima, name: str, on_output: Callable[[bytes], None]) -> None:
    with engine_lock.held(paths):  # also when the job was cancelled
        lima.run(commands.delete_force(name), DELETE, on_output=on_output)
        lima.end_connections(name)
