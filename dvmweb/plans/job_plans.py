"""The plan of each verb: the steps that bring an instance to its config. Pure.

Once the instance was listed, the number of steps no longer changes; only their skip reasons do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb import states
from dvmweb.errors import DvmError
from dvmweb.lima import commands
from dvmweb.lima.deadlines import CREATE, DELETE, EDIT, LIST
from dvmweb.lima.instances import Instance
from dvmweb.names import entry_instance, instance_name
from dvmweb.plans import copy_plans, guest_steps, titles
from dvmweb.plans.base_plan import base_plan
from dvmweb.plans.instance_steps import (
    answer,
    boot,
    change,
    check_and_stop,
    check_instance,
    copy_base,
    create,
    is_down_now,
    stop_after_check,
    stopped,
    to_trash,
)
from dvmweb.plans.model import Options, PlanInput, Step


def plan(verb: str, plan_input: PlanInput, options: Options) -> tuple[Step, ...]:
    """The steps of one verb; with their skip reasons once `plan_input.guest` is known.

    Raises the error of dvmweb/states.py if the verb is refused in the state of the VM.
    """
    if (
        plan_input.instance is not None
        and verb not in ("test", "base")
        and (error := _refusal(verb, plan_input.instance, plan_input, options))
    ):
        raise error
    return tuple(_PLANS[verb](plan_input, options))


def _refusal(verb: str, instance: Instance, plan_input: PlanInput, options: Options) -> DvmError | None:
    command = {"delete": "rm", "rewind": "rm", "checkpoint": "stop", "restart": "stop"}.get(verb, verb)
    if options.force and verb in ("stop", "delete", "rewind"):
        command += " --force" if verb == "stop" or options.trash else " --now --force"
    return states.refusal(command, facts_of(plan_input, instance))


def facts_of(plan_input: PlanInput, instance: Instance) -> states.Facts:
    """The facts of a listed VM for the table of states."""
    return states.Facts(
        vm=plan_input.config.name,
        instance=instance.name,
        status=instance.status,
        folder=instance.directory,
        errors=instance.errors,
        has_config=instance.config is not None,
        is_booting=plan_input.is_booting,
    )


def marked_unknown(steps: tuple[Step, ...], plan_input: PlanInput, options: Options, why: str) -> tuple[Step, ...]:
    """The steps of a sync to show if the guest did not respond: those that depend on its state are marked unknown."""
    if plan_input.instance is None:
        return tuple(_in_base(step, plan_input) for step in steps)
    if plan_input.guest is not None:
        return steps
    return tuple(
        replace(step, unknown=f"not known: {why}") if _is_up_to_the_guest(step, options) else step for step in steps
    )


def _in_base(step: Step, plan_input: PlanInput) -> Step:
    """The step of a recipe that a copied base brings: whether it runs depends on its probe there."""
    brought = [one.name for one in plan_input.base.recipes] if plan_input.base and plan_input.base_instance else []
    if step.script is None or step.script.variables.get("DVM_RECIPE") not in brought:
        return step
    return replace(step, unknown="in the base; it runs only if its probe fails")


def _is_up_to_the_guest(step: Step, options: Options) -> bool:
    if step.script is None or step.skip_reason or step.title in (titles.WAIT_FOR_GUEST, titles.SANDBOX):
        return False
    return not (options.fresh and "DVM_RECIPE" in step.script.variables)


def _sync(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    yield check_instance("check-instance")
    yield from _ports_before(plan_input, options)
    yield from _up(plan_input, options)
    yield guest_steps.identity(plan_input)
    yield from (guest_steps.recipe(plan_input, desired, options) for desired in plan_input.recipes)
    if plan_input.config.is_service:
        yield guest_steps.code(plan_input)  # an empty folder, which the check for unsaved work needs
    else:
        yield from _project(plan_input, options)
    yield guest_steps.check_work_after_sync(plan_input, options)
    yield from guest_steps.sandbox(plan_input)
    yield from _ports_after(plan_input)


def _project(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    yield guest_steps.key(plan_input)
    yield guest_steps.code(plan_input)
    if plan_input.config.repo:
        yield guest_steps.hook_after_clone(plan_input, options)
    yield guest_steps.hook(plan_input, options)


def _start(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    yield check_instance()
    yield from _ports_before(plan_input, options)
    yield from _up(plan_input, options)
    yield from _ports_after(plan_input)


def _ports_before(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Before a start: if another program uses a port, Lima starts the VM without an error and never opens the port."""
    if plan_input.config.ports:
        is_up = plan_input.instance is not None and not is_down_now(plan_input, options)
        yield Step(titles.CHECK_PORTS, check="ports-free", skip_reason="already running" if is_up else "")


def _ports_after(plan_input: PlanInput) -> Iterator[Step]:
    if plan_input.config.ports:
        yield Step(titles.CHECK_PORTS_AGAIN, check="ports-open")


def _stop(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    yield check_instance()
    if not options.force:
        booting = "still booting" if plan_input.is_booting else ""
        yield guest_steps.check_work(plan_input, is_optional=True, skip_reason=stopped(plan_input) or booting)
        yield stop_after_check(titles.STOP, plan_input, stopped(plan_input))
    else:
        yield Step(titles.FORCE_STOP, commands.stop_force(plan_input.desired.instance), EDIT, locks_engine="step")
        yield Step(titles.CLOSE_CONNECTIONS, check="end-connections")


def _restart(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Stop as a stop does, then start with the config as it is now. A port that is taken refuses it before the stop."""
    yield check_instance()
    if plan_input.config.ports:
        yield Step(titles.CHECK_PORTS, check="ports-free")
    booting = "still booting" if plan_input.is_booting else ""
    yield guest_steps.check_work(plan_input, is_optional=True, skip_reason=stopped(plan_input) or booting)
    yield stop_after_check(titles.STOP, plan_input, stopped(plan_input))
    again = ""
    if plan_input.instance is not None:
        again = "Stopped" if plan_input.instance.is_running else ""  # it ran before: also after a failed change
        plan_input = replace(plan_input, instance=replace(plan_input.instance, status="Stopped"))
        yield from change(plan_input, options)
    yield from boot(plan_input, always=again)
    yield from _ports_after(plan_input)


def _work(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    is_down = bool(stopped(plan_input))
    yield check_instance()
    if is_down:
        yield from change(plan_input, options)
        yield from boot(plan_input)
    yield guest_steps.check_work(plan_input)
    if is_down:
        yield replace(stop_after_check(titles.STOP_AGAIN, plan_input), always="Running")


def _delete(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Check, compare, stop, move to the trash or delete; the VM's lock is held from the first check to the end."""
    name = plan_input.desired.instance
    yield check_instance("deletable")
    yield from check_and_stop(plan_input, options)
    if options.trash:
        yield from to_trash(name, entry_instance(options.trash))
    else:
        is_odd = plan_input.instance is not None and plan_input.instance.status not in ("Running", "Stopped")
        argv = commands.delete_force(name) if is_odd else commands.delete(name)
        yield Step(titles.DELETE, argv, DELETE, locks_engine="step")
        yield Step(titles.VERIFY_DELETION, commands.list_all(), LIST, check="is-gone")
    if options.config:
        yield Step(titles.REMOVE_CONFIG, check="remove-config")


def _test(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Test a recipe in a temporary VM, new or a clone: what it needs, then the recipe and its probe, twice."""
    name = plan_input.desired.instance
    yield check_instance("check-trial")
    if options.origin:
        argv = commands.clone(instance_name(options.origin), name)
        yield Step(f"Clone VM {options.origin}", argv, CREATE, locks_engine="create")
        if plan_input.instance is not None:  # the origin, with the name of the clone
            yield from change(plan_input, options)
    else:
        yield from create(plan_input)
    yield from boot(plan_input)
    for desired in plan_input.recipes:
        if desired.recipe.name != options.recipe:
            yield guest_steps.recipe(plan_input, desired, options)
            continue
        step = guest_steps.recipe(plan_input, desired, replace(options, fresh=True))
        yield from (replace(step, title=title) for title in titles.runs_of_test(options.recipe))
    kept = "kept" if options.keep else ""
    yield Step(titles.DELETE_TEMPORARY, commands.delete_force(name), DELETE, locks_engine="step", skip_reason=kept)


_PLANS = {
    "sync": _sync,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "work": _work,
    "checkpoint": copy_plans.checkpoint,
    "rewind": copy_plans.rewind,
    "delete": _delete,
    "test": _test,
    "base": base_plan,
}


def _up(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Create, change or start the instance, until its guest responds."""
    instance = plan_input.instance
    if instance is None:
        if plan_input.is_half_copy:
            argv = commands.delete_force(plan_input.desired.instance)
            yield Step(titles.DELETE_HALF, argv, DELETE, check="half-gone", locks_engine="step")
        is_copied = plan_input.base is not None and plan_input.base_instance is not None
        yield from copy_base(plan_input) if is_copied else create(plan_input)
        yield from boot(plan_input)
    else:
        yield from change(plan_input, options)
        again = "Stopped" if instance.status == "Running" else ""  # it ran before, so start it after a failed change
        yield from boot(plan_input, always=again) if is_down_now(plan_input, options) else answer(plan_input)
