"""The steps that make, copy and start an instance, which several plans share. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb.lima import commands
from dvmweb.lima.deadlines import CREATE, EDIT, LIST, START
from dvmweb.lima.lima_yaml.rendering import expected_difference
from dvmweb.names import base_instance
from dvmweb.plans import guest_steps, titles
from dvmweb.plans.model import PlanInput, Step


def check_instance(check: str = "must-exist") -> Step:
    """List all instances, for one of the checks that read the list."""
    return Step(titles.CHECK_INSTANCE, commands.list_all(), LIST, check=check)


def create(plan_input: PlanInput) -> Iterator[Step]:
    """Create the instance from its lima.yaml."""
    argv = commands.create(str(plan_input.lima_file), plan_input.desired.instance)
    yield Step(titles.CREATE, argv, CREATE, locks_engine="create")
    yield effective()


def copy_base(plan_input: PlanInput) -> Iterator[Step]:
    """Copy the base to the instance, and change everything in which its lima.yaml differs from the config."""
    assert plan_input.base is not None  # noqa: S101
    assert plan_input.base_instance is not None  # noqa: S101
    name = plan_input.desired.instance
    argv = commands.clone(base_instance(plan_input.base.name), name)
    yield Step(titles.copy_base(plan_input.base.name), argv, CREATE, check="base-copied", locks_engine="create")
    as_copied = replace(plan_input.base_instance, name=name)
    edits = expected_difference(as_copied, plan_input.desired, plan_input.overlay)
    if edits:
        title = titles.change(sorted("ports" if key == "portForwards" else key for key in edits))
        yield Step(title, commands.edit(name, edits), EDIT, locks_engine="step")
    yield replace(effective(), check="effective-copy")


def effective() -> Step:
    """Verify the config that Lima made of our lima.yaml."""
    return Step(titles.VERIFY_CONFIG, commands.list_all(), LIST, check="effective-config")


def boot(plan_input: PlanInput, *, always: str = "") -> Iterator[Step]:
    """Start the instance, and wait for its guest."""
    argv = commands.start(plan_input.desired.instance, int(START) - 60)
    yield Step(titles.START, argv, START, locks_engine="running", always=always)
    yield from answer(plan_input)


def answer(plan_input: PlanInput) -> Iterator[Step]:
    """Wait until the guest reports its state."""
    yield guest_steps.reachable(plan_input)
    yield Step(titles.READ_STATE, check="state")
