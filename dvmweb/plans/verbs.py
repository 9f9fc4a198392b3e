"""The plan of each verb: from what the user wants and what is there to the steps that bring them together.

Pure: nothing is run here. Once the look is done the number of steps no longer changes, only their skip reasons do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb.errors import DvmError
from dvmweb.lima import commands
from dvmweb.lima.deadlines import CREATE, DELETE, EDIT, LIST, START, STOP
from dvmweb.lima.instances import Instance
from dvmweb.lima.rendering import expected_difference
from dvmweb.names import instance_name
from dvmweb.plans import guest_steps
from dvmweb.plans.model import Options, Step, World


def plan(verb: str, world: World, options: Options) -> tuple[Step, ...]:
    """The steps of one verb. Once `world.guest` is known they carry their skip reasons."""
    return tuple(_PLANS[verb](world, options))


def _sync(world: World, options: Options) -> Iterator[Step]:
    yield _look_first("look-first")
    yield from _up(world, options)
    yield guest_steps.identity(world)
    yield from (guest_steps.recipe(world, wish, options) for wish in world.recipes)
    if world.config.is_service:
        yield guest_steps.code(world)  # an empty folder: there a look at the work has somewhere to look
    else:
        yield from _project(world, options)
    yield guest_steps.look_after_sync(world, options)
    yield from guest_steps.wall(world)


def _project(world: World, options: Options) -> Iterator[Step]:
    yield guest_steps.key(world)
    yield guest_steps.code(world)
    if world.config.repo:
        yield guest_steps.hook_after_clone(world, options)
    yield guest_steps.hook(world, options)


def _start(world: World, options: Options) -> Iterator[Step]:
    yield _look_first()
    yield from _up(world, options)


def _stop(world: World, options: Options) -> Iterator[Step]:
    yield _look_first()
    if not options.force:
        yield guest_steps.look(world, is_optional=True, skip_reason=_stopped(world))
        yield Step("stop", commands.stop(world.wish.instance), STOP, locks_engine="step", skip_reason=_stopped(world))
    else:
        yield Step("stop by force", commands.stop_force(world.wish.instance), EDIT, locks_engine="step")
        yield Step("end its connections", check="end-connections")


def _work(world: World, options: Options) -> Iterator[Step]:
    is_down = bool(_stopped(world))
    yield _look_first()
    if is_down:
        yield from _change(world, options)
        yield from _boot(world)
    yield guest_steps.look(world)
    if is_down:
        yield Step("stop, as it was", commands.stop(world.wish.instance), STOP, locks_engine="step")


def _delete(world: World, options: Options) -> Iterator[Step]:
    """Look, compare, stop, delete: the lock of the VM is held from the first look to the end."""
    name, status = world.wish.instance, world.instance.status if world.instance else "Running"
    # A report that the user decided by is compared with what is true now; without one, force asks nobody.
    is_booted = status == "Stopped" and (not options.force or (bool(options.expected) and options.look))
    yield _look_first("deletable")
    if is_booted:
        yield from _change(world, options)
        yield from _boot(world)
    if status == "Running" or is_booted or not options.force:
        yield guest_steps.look(world, "work-unchanged", is_optional=options.force)
    else:
        yield Step("work at risk", check="not-looked")
    if status == "Running" or is_booted:
        yield Step("stop", commands.stop(name), STOP, locks_engine="step")
    is_odd = status not in ("Running", "Stopped")
    argv = commands.delete_force(name) if is_odd else commands.delete(name)
    yield Step("delete instance", argv, DELETE, locks_engine="step")
    yield Step("nothing left behind", commands.list_all(), LIST, check="is-gone")


def _test(world: World, options: Options) -> Iterator[Step]:
    """A throwaway VM, new or a clone; in it the recipe twice, each time with its probe, after what it needs."""
    name = world.wish.instance
    yield _look_first("trial-first")
    if options.origin:
        argv = commands.clone(instance_name(options.origin), name)
        yield Step(f"clone {options.origin}", argv, CREATE, locks_engine="create")
        if world.instance is not None:  # its origin, as the clone will be
            yield from _change(world, options)
    else:
        yield Step("create instance", commands.create(str(world.lima_file), name), CREATE, locks_engine="create")
        yield _effective(world)
    yield from _boot(world)
    for wish in world.recipes:
        if wish.recipe.name != options.recipe:
            yield guest_steps.recipe(world, wish, options)
            continue
        step = guest_steps.recipe(world, wish, replace(options, fresh=True))
        yield from (replace(step, title=f"{options.recipe}, {run}") for run in RUNS)
    kept = "kept" if options.keep else ""
    yield Step("delete the throwaway VM", commands.delete_force(name), DELETE, locks_engine="step", skip_reason=kept)


RUNS = ("first run and probe", "second run and probe")
_PLANS = {"sync": _sync, "start": _start, "stop": _stop, "work": _work, "delete": _delete, "test": _test}


def _look_first(check: str = "must-exist") -> Step:
    return Step("look first", commands.list_all(), LIST, check=check)


def _up(world: World, options: Options) -> Iterator[Step]:
    """From whatever is there to a guest that answers."""
    instance = world.instance
    if instance is not None and instance.status in ("Broken", ""):
        raise _cannot_start(instance)
    if instance is None:
        argv = commands.create(str(world.lima_file), world.wish.instance)
        yield Step("create instance", argv, CREATE, locks_engine="create")
        yield _effective(world)
        yield from _boot(world)
    else:
        yield from _change(world, options)
        yield from _boot(world) if _is_down_now(world, options) else _answer(world)


def _cannot_start(instance: Instance) -> DvmError:
    if instance.status == "Broken":
        return DvmError(
            f"{instance.name} is Broken: one of its two processes died.",
            f"End it with `dvm stop {instance.name.removeprefix('dvm-')} --force`, then run this again. "
            "What the guest had not written to its disk may be lost.",
        )
    return DvmError(
        f"Lima cannot read {instance.name}: its lima.yaml is not valid.",
        f"Mend {instance.directory}/lima.yaml, or delete the instance with limactl.",
    )


def _change(world: World, options: Options) -> Iterator[Step]:
    """Bring an instance that exists to its config; a running one only with leave to restart it."""
    assert world.instance is not None  # noqa: S101
    edits = expected_difference(world.instance, world.wish, world.overlay)
    running = world.instance.status == "Running"
    if not edits:
        # A listing made before this plan is enough where nothing was edited since.
        yield Step("effective config", check="effective-known", skip_reason="checked at the look" if running else "")
        return
    wait = f"waits for a restart: `dvm sync {world.config.name} --restart`" if running and not options.restart else ""
    if running and not wait:
        yield Step("stop for the change", commands.stop(world.wish.instance), STOP, locks_engine="step")
    what = ", ".join(sorted("ports" if key == "portForwards" else key for key in edits))  # the config's words
    yield Step(f"change {what}", commands.edit(world.wish.instance, edits), EDIT, locks_engine="step", skip_reason=wait)
    if not wait:
        yield _effective(world)


def _is_down_now(world: World, options: Options) -> bool:
    assert world.instance is not None  # noqa: S101
    if world.instance.status != "Running":
        return True
    return options.restart and bool(expected_difference(world.instance, world.wish, world.overlay))


def _effective(world: World) -> Step:
    return Step("effective config", commands.list_all(), LIST, check="effective-config")


def _boot(world: World) -> Iterator[Step]:
    yield Step("start", commands.start(world.wish.instance, int(START) - 60), START, locks_engine="running")
    yield from _answer(world)


def _answer(world: World) -> Iterator[Step]:
    yield guest_steps.reachable(world)
    yield Step("state", check="state")


def _stopped(world: World) -> str:
    is_down = world.has_looked and world.instance is not None and world.instance.status == "Stopped"
    return "stopped already" if is_down else ""
