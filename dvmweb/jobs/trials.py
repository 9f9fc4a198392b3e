"""A recipe tested in a throwaway VM: its world, its look, and the end of what this very job has made."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dvmweb import recipes
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.jobs import engine_lock, starting
from dvmweb.jobs.closed import as_created, write_lima_yaml
from dvmweb.jobs.journal import Job
from dvmweb.jobs.outcome import Outcome, Tools
from dvmweb.jobs.worlds import check_secrets, recipe_wishes, world_of
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import DELETE
from dvmweb.lima.instances import Instance, Listing, parse_list
from dvmweb.lima.overlay import read_overlay
from dvmweb.lima.process import Finished
from dvmweb.names import instance_name, is_trial, vm_of_instance
from dvmweb.paths import Paths
from dvmweb.plans import Options, World


def load_trial(paths: Paths, environ: Mapping[str, str], job: Job, secrets: Mapping[str, bytes]) -> World:
    """The world of a throwaway VM with one recipe: like the VM that is cloned, else as config.yaml says.

    Raises NotFound, ConfigError for the recipe, its params and the config, UsageError for a secret nobody takes.
    """
    options, store, shelf = Options(**job.options), ConfigStore(paths), recipes.Shelf(paths)
    config = store.read(options.origin) if options.origin else store.read_defaults().config(job.vm)
    ordered = recipes.order([options.recipe], shelf, has_baseline=config.baseline)
    check_secrets(ordered, secrets)
    found = [one for recipe in ordered for one in recipes.validate_params(recipe, config.params.get(recipe.name, {}))]
    if found:
        raise ConfigError(found)
    # It opens no port: those of its origin may be taken, and nobody looks at it.
    config = replace(config, name=job.vm, repo="", ports=(), recipes=(options.recipe,))
    return world_of(
        paths, environ, config, read_overlay(paths.overlay_file), recipe_wishes(paths, config, ordered), secrets
    )


def look_first(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Nobody has an instance of this name, and the one that is to be cloned is stopped."""
    listing = parse_list(finished.stdout)
    if listing.find(world.wish.instance) is not None:
        raise DvmError(f"{world.wish.instance} is there already.", "Try again; nothing was changed.")
    notices = tuple(_left_behind(tools.paths, listing))
    if not tools.options.origin:
        write_lima_yaml(world)
        return Outcome(replace(world, has_looked=True), "not created", notices)
    found = _origin(listing, tools.options.origin)
    own = world.lima_file
    # User and image are those with which the origin was made; what dvm wrote of it then stays as it is.
    world, _ = as_created(replace(world, lima_file=tools.paths.vm_state(tools.options.origin) / own.name), found)
    clone = replace(
        found, name=world.wish.instance, directory=str(world.lima_home / world.wish.instance), protected=False
    )
    world = replace(world, lima_file=own, instance=clone, has_looked=True)
    return Outcome(world, f"{found.name}: {visible(found.status)}", notices)


def _origin(listing: Listing, origin: str) -> Instance:
    found = listing.find(instance_name(origin))
    if found is None:
        raise NotFound(f"{origin} is not created.", "Leave out --vm: the recipe is then tested in a new VM.")
    if found.status != "Stopped":
        status = found.status or "in an unknown state"
        todo = f"Stop it (dvm stop {origin}), or leave out --vm: the recipe is then tested in a new VM."
        raise DvmError(f"{origin} is {status}, and only a stopped VM can be cloned.", todo)
    return found


def _left_behind(paths: Paths, listing: Listing) -> Iterator[str]:
    """What an earlier test kept, or left because its process was killed."""
    for instance in listing.instances:
        vm = vm_of_instance(instance.name)
        if vm is not None and is_trial(vm) and starting.open_job(paths, vm) is None:
            yield f"{instance.name} is left of an earlier test: limactl delete -f {instance.name}"


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
        return (f"{name} is kept: limactl shell {name}. Delete it with: limactl delete -f {name}",)
    try:
        if is_made and lima.find(name) is not None:
            _delete(paths, lima, name, heard)
        is_left = is_made and lima.find(name) is not None
    except DvmError:
        is_left = True
    if is_left:
        return (f"{name} could not be deleted and is left behind: limactl delete -f {name}",)
    shutil.rmtree(paths.vm_state(job.vm), ignore_errors=True)  # nobody comes back to it
    return ()


def _delete(paths: Paths, lima: Lima, name: str, heard: Callable[[bytes], None]) -> None:
    lock = engine_lock.take(paths, threading.Event(), lambda: None)  # also when the job was cancelled
    try:
        lima.run(commands.delete_force(name), DELETE, on_output=heard)
        lima.end_connections(name)
    finally:
        if lock is not None:
            lock.release()
