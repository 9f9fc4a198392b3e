"""The plan that builds a base: a VM with image, user and recipes, cleaned, stopped and renamed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb.lima import commands
from dvmweb.lima.deadlines import DELETE, EDIT, LIST, STOP
from dvmweb.names import base_instance
from dvmweb.plans import guest_steps, titles
from dvmweb.plans.instance_steps import boot, check_instance, create
from dvmweb.plans.model import Options, PlanInput, Step


def base_plan(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """No identity, key, repository or hook is made; it is a base when the last check of its instance has passed."""
    assert plan_input.base is not None  # noqa: S101
    name, base = plan_input.desired.instance, base_instance(plan_input.base.name)
    yield check_instance("check-base")
    yield from create(plan_input)
    yield from boot(plan_input)
    yield from (guest_steps.recipe(plan_input, desired, replace(options, fresh=True)) for desired in plan_input.recipes)
    yield guest_steps.clean_base(plan_input)
    yield Step(titles.STOP, commands.stop(name), STOP, locks_engine="step")
    yield Step(titles.NAME_BASE, commands.rename(name, base), EDIT, locks_engine="step")
    yield Step(titles.PROTECT_BASE, commands.protect(base), LIST)  # a rename removes the protection
    yield Step(titles.VERIFY_BASE, commands.list_all(), LIST, check="is-base")
    if options.replaces:
        old = base_instance(options.replaces)
        yield Step(titles.UNPROTECT_OLD_BASE, commands.unprotect(old), LIST, locks_engine="step")
        yield Step(titles.DELETE_OLD_BASE, commands.delete(old), DELETE, check="old-base-gone", locks_engine="step")
