"""A recipe tested in a temporary VM: its plan input, the lock on its origin, and the clean-up."""

from __future__ import annotations

import shutil
import threading
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
    """The plan input of a temporary VM with one recipe: like the VM that is cloned, else as config.yaml says.

    Raises NotFound, ConfigError for the recipe, its params and the config, UsageError for an unused secret.
    """
    options, store, catalog = Options(**job.options), ConfigStore(paths), recipes.RecipeCatalog(paths)
    config = store.read(options.origin) if options.origin else store.read_defaults().config(job.vm)
    ordered = recipes.order([options.recipe], catalog, has_baseline=config.baseline)
    check_secrets(ordered, secrets)
    found = [one for recipe in ordered for one in recipes.validate_params(recipe, config.params.get(recipe.name, {}))]
    if found:
        raise ConfigError(found)
    # It opens no port: those of its origin can be in use, and no user needs them.
    config = replace(config, name=job.vm, repo="", ports=(), recipes=(options.recipe,))
    return input_of(
        paths, environ, config, read_overlay(paths.overlay_file), desired_recipes(paths, config, ordered), secrets
    )


@contextmanager
def origin_held(paths: Paths, origin: str) -> Iterator[None]:
    """No job of the VM that is cloned begins meanwhile. Raises VmBusy."""
    if not origin:
        yield
        return
    lock = starting.take(paths, origin)
    try:
        yield
    finally:
        lock.release()


def end(
    paths: Paths, job: Job, lima: Lima, heard: Callable[[bytes], None], *, is_made: bool, is_kept: bool
) -> tuple[str, ...]:
    """Delete what this job has made, however it ends; the sentences that a user must read of it."""
    name = instance_name(job.vm)
    if is_made and is_kept:
        return (f"{name} was kept. Open a shell: limactl shell {name}. Delete it: limactl delete -f {name}",)
    try:
        if is_made and lima.find(name) is not None:
            _delete(paths, lima, name, heard)
        is_left = is_made and lima.find(name) is not None
    except DvmError:
        is_left = True
    if is_left:
        return (f"{name} could not be deleted. Delete it: limactl delete -f {name}",)
    shutil.rmtree(paths.vm_state(job.vm), ignore_errors=True)  # it is not used again
    return ()


def _delete(paths: Paths, lima: Lima, name: str, heard: Callable[[bytes], None]) -> None:
    lock = engine_lock.take(paths, threading.Event(), lambda: None)  # also when the job was cancelled
    try:
        lima.run(commands.delete_force(name), DELETE, on_output=heard)
        lima.end_connections(name)
    finally:
        if lock is not None:
            lock.release()
