"""The checks of a checkpoint and of a rewind: what is refused before, what is recorded, and what must hold after."""

from __future__ import annotations

import time
from dataclasses import replace

from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, NotFound, NotNow, sentence
from dvmweb.guest_text import in_prose
from dvmweb.jobs import copy_ends
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.inputs import read_note
from dvmweb.lima.disk_use import disk_free, disk_used, in_words, must_fit
from dvmweb.lima.failures import reason
from dvmweb.lima.instances import parse_list
from dvmweb.lima.process import Finished
from dvmweb.names import checkpoint_instance
from dvmweb.plans import PlanInput
from dvmweb.records import checkpoint_records, rewinds, trash_records, work_reports
from dvmweb.records.checkpoint_records import CheckpointRecord
from dvmweb.records.rewinds import COPIED, Rewind


def can_be_copied(tools: Tools, plan_input: PlanInput) -> None:
    """Raise NotNow if the VM runs and must not be stopped, or if the disk is too small for a copy of it."""
    vm, instance = plan_input.config.name, plan_input.instance
    assert instance is not None  # noqa: S101
    if instance.status == "Running" and not tools.options.restart:
        raise NotNow(
            f"{vm} is Running, and only a stopped VM can be copied.",
            f"Stop it first: `dvm stop {vm}`, or add --stop: it is started again afterwards.",
        )
    must_fit("The checkpoint", tools.paths.lima_home / instance.name)


def can_be_rewound(tools: Tools, plan_input: PlanInput, finished: Finished) -> None:
    """Raise NotFound without the checkpoint, NotNow if it cannot be copied or the VM is protected."""
    name, listing = tools.options.checkpoint, parse_list(finished.stdout, finished.stderr)
    present, found = listing.find(plan_input.desired.instance), listing.find(checkpoint_instance(name))
    if present is not None and present.protected:
        vm = plan_input.config.name
        what = f"{vm} is protected, so it is not moved to the trash."
        raise NotNow(what, f"Remove the protection first: `dvm protect {vm} --off`")
    if found is None:
        raise NotFound(f"There is no checkpoint {name}.", "`dvm checkpoint ls` lists them.")
    if found.status != "Stopped":
        status = in_prose(found.status or "not readable", 40)
        raise NotNow(f"The checkpoint {name} is {status}.", f"If it is Running, stop it: `limactl stop {found.name}`")
    if checkpoint_records.read(tools.paths, name).copy:
        raise NotNow(f"The checkpoint {name} is not complete.", "`dvm checkpoint ls` completes or removes it.")
    must_fit("The copy of the checkpoint", tools.paths.lima_home / found.name)


def record_checkpoint(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Record the checkpoint as one that is being copied."""
    vm, options = plan_input.config.name, tools.options
    known = work_reports.known(tools.paths, vm, plan_input.latest)
    record = CheckpointRecord(
        options.checkpoint,
        vm,
        vm,
        time.time(),
        options.note,
        trash_records.work_of(known),
        plan_input.known_id,
        bool(read_note(tools.paths, vm, "key.pub")),
        options.copy,
    )
    checkpoint_records.write(tools.paths, record, ConfigStore(tools.paths).source(vm)[0])
    return Outcome(plan_input, options.checkpoint)


def protected(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Report a checkpoint that could not be protected: it is complete nevertheless."""
    if finished.is_ok:
        return Outcome(plan_input)
    why = sentence(reason(finished))
    notice = f"The checkpoint is not protected from `limactl delete` yet: {why} `dvm checkpoint ls` protects it."
    return Outcome(plan_input, "not protected", (notice,), has_failed=True)


def made(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that the checkpoint is listed, and record that it is complete. Raises DvmError otherwise."""
    name, vm, home = tools.options.checkpoint, plan_input.config.name, tools.paths.lima_home
    instance = checkpoint_instance(name)
    if parse_list(finished.stdout, finished.stderr).find(instance) is None:
        raise DvmError(f"{instance} is not listed after {vm} was copied.", "Check `limactl list`.")
    checkpoint_records.rewrite(tools.paths, replace(checkpoint_records.read(tools.paths, name), copy=""))
    used, free = in_words(disk_used(home / instance)), in_words(disk_free(home))
    notices = (
        f"Checkpoint {name} is complete. To go back to it: `dvm rewind {vm} {name}`",
        f"It uses up to {used} of disk, and {free} are free. It has the keys and secrets that {vm} has now.",
        f"It stays until you delete it: `dvm checkpoint rm {name}`",
    )
    return Outcome(plan_input, name, notices)


def record_rewind(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Record that the rewind begins."""
    options = tools.options
    trash = options.trash if plan_input.instance is not None else ""
    begun = Rewind(options.checkpoint, options.copy, trash, options.config)
    rewinds.write(tools.paths, plan_input.config.name, begun)
    return Outcome(plan_input, options.checkpoint)


def copied(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Record that the copy is complete: from here on an interrupted rewind can be finished."""
    vm = plan_input.config.name
    begun = rewinds.read(tools.paths, vm)
    if begun is None:
        raise DvmError(f"The record of the rewind of {vm} is gone.", f"Rewind again: `dvm rewind {vm}`")
    rewinds.write(tools.paths, vm, replace(begun, stage=COPIED))
    return Outcome(plan_input)


def rewound(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that the copy is the VM now, and give it the records of the checkpoint. Raises DvmError otherwise."""
    vm, begun = plan_input.config.name, rewinds.read(tools.paths, plan_input.config.name)
    if begun is None or parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance) is None:
        raise DvmError(f"{plan_input.desired.instance} is not listed after the rewind.", "Check `limactl list`.")
    notes = copy_ends.complete_rewind(tools.paths, vm, begun)
    done = f"{vm} is as in the checkpoint {begun.checkpoint}. It is stopped; to start it: `dvm start {vm}`"
    return Outcome(plan_input, begun.checkpoint, (done, *notes))
