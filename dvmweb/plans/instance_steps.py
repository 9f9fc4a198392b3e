"""The steps that make, copy and start an instance, which several plans share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dvmweb.lima import commands
from dvmweb.lima.deadlines import CREATE, EDIT, LIST, START, STOP
from dvmweb.lima.lima_yaml.rendering import expected_difference
from dvmweb.names import base_instance
from dvmweb.plans import guest_steps, titles
from dvmweb.plans.model import Options, PlanInput, Step


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
        yield _edit(name, edits)
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


def check_and_stop(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Check for unsaved work, compare it with what the user saw, and stop the VM."""
    status = plan_input.instance.status if plan_input.instance else "Running"
    # A report that the user saw is compared with a new check; without one, force checks nothing.
    is_clean_since_stop = status == "Stopped" and plan_input.is_clean_since_stop and not options.force
    must_check = not options.force or (bool(options.expected) and options.check)
    is_booted = status == "Stopped" and must_check and not is_clean_since_stop
    if is_booted:
        yield from change(plan_input, options)
        yield from boot(plan_input)
    if is_clean_since_stop:
        yield Step(titles.UNSAVED_WORK, check="as-stopped")
    elif status == "Running" or is_booted or not options.force:
        yield guest_steps.check_work(plan_input, "work-unchanged", is_optional=options.force)
    else:
        yield Step(titles.UNSAVED_WORK, check="not-checked")
    if status == "Running" or is_booted:
        as_it_was = "Running" if is_booted else ""
        yield replace(stop_after_check(titles.STOP, plan_input), always=as_it_was)


def stop_after_check(title: str, plan_input: PlanInput, skip_reason: str = "") -> Step:
    """A stop right after a check for unsaved work."""
    argv = commands.stop(plan_input.desired.instance)
    return Step(title, argv, STOP, check="stopped", locks_engine="step", skip_reason=skip_reason)


def to_trash(name: str, entry: str) -> Iterator[Step]:
    """Rename the stopped instance; what is known of it is recorded before, and the protection set after it."""
    yield Step(titles.RECORD_ENTRY, check="record-entry")
    yield Step(titles.MOVE_TO_TRASH, commands.rename(name, entry), EDIT, locks_engine="step")
    # A rename removes the protection. If this step fails, the VM is in the trash; `dvm trash` protects it.
    yield Step(titles.PROTECT_ENTRY, commands.protect(entry), LIST, check="protect-optional")
    yield Step(titles.VERIFY_ENTRY, commands.list_all(), LIST, check="in-trash")


def change(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Apply the config to an existing instance; to a running one only with `restart`."""
    assert plan_input.instance is not None  # noqa: S101
    edits = expected_difference(plan_input.instance, plan_input.desired, plan_input.overlay)
    running = plan_input.instance.status == "Running"
    if not edits:
        # Nothing is edited, so the listing made before this plan is still right.
        yield Step(titles.VERIFY_CONFIG, check="effective-known", skip_reason="already checked" if running else "")
        return
    wait = f"needs a restart: `dvm sync {plan_input.config.name} --restart`" if running and not options.restart else ""
    if running and not wait:
        yield Step(titles.STOP_TO_CHANGE, commands.stop(plan_input.desired.instance), STOP, locks_engine="step")
    yield _edit(plan_input.desired.instance, edits, wait)
    if not wait:
        yield effective()


def _edit(name: str, edits: Mapping[str, Any], skip_reason: str = "") -> Step:
    title = titles.change(sorted("ports" if key == "portForwards" else key for key in edits))  # fields of the config
    return Step(title, commands.edit(name, edits), EDIT, locks_engine="step", skip_reason=skip_reason)


def is_down_now(plan_input: PlanInput, options: Options) -> bool:
    """Whether the instance does not run when the plan has changed it."""
    assert plan_input.instance is not None  # noqa: S101
    if plan_input.instance.status != "Running":
        return True
    return options.restart and bool(expected_difference(plan_input.instance, plan_input.desired, plan_input.overlay))


def stopped(plan_input: PlanInput) -> str:
    """Why a stop is skipped, "" if it is not."""
    is_down = plan_input.is_listed and plan_input.instance is not None and plan_input.instance.status == "Stopped"
    return "already stopped" if is_down else ""
