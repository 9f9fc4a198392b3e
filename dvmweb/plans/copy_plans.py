"""The plans that copy a VM: a checkpoint, and a rewind to one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb.lima import commands
from dvmweb.lima.deadlines import CREATE, EDIT, LIST
from dvmweb.names import checkpoint_instance, entry_instance
from dvmweb.plans import guest_steps, instance_steps, titles
from dvmweb.plans.model import Options, PlanInput, Step


def checkpoint(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Copy the stopped VM to an instance that is no checkpoint yet; only a whole copy gets the name of one."""
    name, checkpoint = plan_input.desired.instance, checkpoint_instance(options.checkpoint)
    yield instance_steps.check_instance("checkpointable")
    is_up = plan_input.instance is not None and plan_input.instance.status == "Running"
    if is_up:
        booting = "still booting" if plan_input.is_booting else ""
        yield guest_steps.check_work(plan_input, is_optional=True, skip_reason=booting)
        yield instance_steps.stop_after_check(titles.STOP_TO_COPY, plan_input)
    yield Step(titles.RECORD_CHECKPOINT, check="record-checkpoint")
    yield Step(titles.COPY_VM, commands.clone(name, options.copy), CREATE, locks_engine="step")
    yield Step(titles.NAME_CHECKPOINT, commands.rename(options.copy, checkpoint), EDIT, locks_engine="step")
    # If this step fails, the checkpoint is complete; `dvm checkpoint ls` protects it.
    yield Step(titles.PROTECT_CHECKPOINT, commands.protect(checkpoint), LIST, check="protect-checkpoint-optional")
    yield Step(titles.VERIFY_CHECKPOINT, commands.list_all(), LIST, check="checkpoint-made")
    if is_up:
        start, *rest = instance_steps.boot(plan_input, always="Stopped")
        yield from (replace(start, title=titles.START_AGAIN), *rest)


def rewind(plan_input: PlanInput, options: Options) -> Iterator[Step]:
    """Copy the checkpoint, move the VM to the trash, and give the copy its name: an end at any step loses neither."""
    name = plan_input.desired.instance
    has_vm = plan_input.instance is not None or not plan_input.is_listed
    yield instance_steps.check_instance("rewindable")
    if has_vm:
        yield from instance_steps.check_and_stop(plan_input, options)
    yield Step(titles.RECORD_REWIND, check="record-rewind")
    argv = commands.clone(checkpoint_instance(options.checkpoint), options.copy)
    yield Step(titles.COPY_CHECKPOINT, argv, CREATE, check="copied", locks_engine="step")
    if has_vm:
        yield from instance_steps.to_trash(name, entry_instance(options.trash))
    yield Step(titles.REPLACE_VM, commands.rename(options.copy, name), EDIT, locks_engine="step")
    yield Step(titles.VERIFY_REWIND, commands.list_all(), LIST, check="rewound")
