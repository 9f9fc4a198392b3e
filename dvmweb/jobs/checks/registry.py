"""The checks of a plan by name: each reads the output of a step's command; it can change the plan input or fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain

from dvmweb import states
from dvmweb.errors import DvmError, NotFound
from dvmweb.guest import state as guest_state
from dvmweb.guest_text import visible
from dvmweb.jobs import removing
from dvmweb.jobs.bases import copying, matching
from dvmweb.jobs.checks import bases as base_checks
from dvmweb.jobs.checks import checkpoints as checkpoint_checks
from dvmweb.jobs.checks import copies, recipe_trial
from dvmweb.jobs.checks import identity as identity_checks
from dvmweb.jobs.checks import ports as port_checks
from dvmweb.jobs.checks import sandbox as sandbox_check
from dvmweb.jobs.checks import trash as trash_checks
from dvmweb.jobs.checks import unsaved_work as work_checks
from dvmweb.jobs.checks.isolation import as_created, check_effective, write_lima_yaml
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.copy_ends import stay_note
from dvmweb.jobs.inputs import write_note
from dvmweb.jobs.removing import forget
from dvmweb.lima.booting import is_booting
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.lima_yaml.rendering import expected_difference
from dvmweb.lima.process import Finished
from dvmweb.plans import PlanInput
from dvmweb.records import applied_recipes, guest_status, work_reports
from dvmweb.records.kept_records import COPY_OF

Check = Callable[[Tools, PlanInput, Finished], Outcome]


def check_instance(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Find the instance in the listing, and check that it does not open the host; without one, prepare its creation.

    `limactl start` of an unknown name would create another VM, so this comes first. Raises DvmError, CheckFailed.
    """
    listing = parse_list(finished.stdout, finished.stderr)
    instance, vm = listing.find(plan_input.desired.instance), plan_input.config.name
    is_half = instance is not None and bool(copying.half_copy_of(tools.paths, vm))
    if is_half and instance is not None:
        copying.must_be_deletable(vm, instance)
    elif instance is not None:
        if instance.config is None:  # the plan raises the error for this state
            return Outcome(_with_instance(tools, plan_input, instance), _named(instance))
        plan_input, notices = as_created(plan_input, instance)
        edits = expected_difference(instance, plan_input.desired, plan_input.overlay)
        check_effective(plan_input, instance, edits, is_replaced=not instance.is_running or tools.options.restart)
        plan_input = replace(
            plan_input, is_work_known=work_reports.is_settled(tools.paths, plan_input.config.name, instance)
        )
        return Outcome(_with_instance(tools, plan_input, instance), _named(instance), notices)
    plan_input, notices = matching.with_base(tools.paths, plan_input, listing, tools.options)
    forget(tools.paths, vm)  # the records are about an earlier VM of this name
    write_lima_yaml(plan_input)
    plan_input = replace(plan_input, known_id="", key_note="", is_copy=False, is_base_copy=False)
    plan_input = replace(plan_input, is_half_copy=is_half, is_listed=True)
    return Outcome(plan_input, "an interrupted copy of a base" if is_half else "not created", notices)


def _named(instance: Instance) -> str:
    return f"{instance.name}: {visible(instance.status or 'unknown')}"


def must_exist(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Find the instance in the listing. Raises NotFound if there is none."""
    instance = parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance)
    if instance is None:
        raise NotFound(
            f"{plan_input.config.name} is not created.", f"Create it with `dvm sync {plan_input.config.name}`."
        )
    copying.refuse_half(tools.paths, plan_input.config.name, instance)
    plan_input, notices = as_created(plan_input, instance) if instance.config is not None else (plan_input, ())
    return Outcome(_with_instance(tools, plan_input, instance), _named(instance), notices)


def _with_instance(tools: Tools, plan_input: PlanInput, instance: Instance) -> PlanInput:
    is_up = instance.is_running and is_booting(instance.directory)
    pace = guest_status.pace(tools.paths, plan_input.config.name, instance)
    return replace(plan_input, instance=instance, is_listed=True, is_booting=is_up, pace=pace)


def deletable(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Find the instance in the listing. Raises NotFound, and NotNow if it is protected."""
    outcome = must_exist(tools, plan_input, finished)
    if outcome.plan_input.instance is not None and outcome.plan_input.instance.protected:
        raise states.protected(plan_input.config.name)
    clean = work_reports.clean_since_stop(tools.paths, plan_input.config.name, outcome.plan_input.instance)
    return replace(outcome, plan_input=replace(outcome.plan_input, is_clean_since_stop=clean is not None))


def checkpointable(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Find the instance in the listing. Raises NotFound, and NotNow if it cannot be copied now."""
    outcome = must_exist(tools, plan_input, finished)
    checkpoint_checks.can_be_copied(tools, outcome.plan_input)
    return outcome


def rewindable(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Find the instance, if there is one, and the checkpoint. Raises NotFound, NotNow."""
    checkpoint_checks.can_be_rewound(tools, plan_input, finished)
    if parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance) is None:
        return Outcome(replace(plan_input, instance=None, is_listed=True, known_id=""), "not created")
    return deletable(tools, plan_input, finished)


def effective_config(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check the config that Lima made of our lima.yaml and its global files. Raises DvmError if it opens the host."""
    instance = parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance)
    if instance is None:
        raise DvmError(
            f"{plan_input.desired.instance} was created, but `limactl list` does not show it.", "Sync again."
        )
    check_effective(plan_input, instance)
    write_lima_yaml(plan_input)  # from now on these are the declared ports
    return Outcome(plan_input, "isolation verified")


def check_as_it_is(plan_input: PlanInput, instance: Instance) -> None:
    """Raise DvmError if an instance opens the host; its config need not be applied yet."""
    check_effective(plan_input, instance, expected_difference(instance, plan_input.desired, plan_input.overlay))


def effective_known(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check the config in the first listing, which is still valid if nothing was changed before the start."""
    if plan_input.instance is not None:
        check_effective(plan_input, plan_input.instance)
    return Outcome(plan_input, "isolation verified")


def answer(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Read the guest state and store it. Raises CheckFailed for another guest or an invalid answer."""
    state = guest_state.parse_state(finished.stdout, plan_input.nonce)
    plan_input, shared = copies.as_copy(tools, plan_input, state)
    before, after = identity_checks.differences(plan_input, state)
    is_sync = tools.verb == "sync"  # it says so when it is done
    instance = plan_input.latest
    applied = guest_state.done_recipes(state) if plan_input.recipes else None
    name = plan_input.config.name
    guest_status.write(tools.paths, name, instance, is_answered=True, use=state.use, applied=applied, question=finished)
    reported = {desired.recipe.name: state.applied.get(desired.recipe.name) for desired in plan_input.recipes}
    applied_recipes.keep(tools.paths, name, instance, reported, state.probes)
    known_id = plan_input.known_id if state.identity else ""
    is_lost = not known_id and not plan_input.is_copy
    if is_lost and state.identity and state.identity[0] == plan_input.desired.instance:
        known_id = state.identity[1]  # the host's copy is gone with its state folder; the guest still has it
        write_note(tools.paths, plan_input.config.name, "identity", known_id)
    if state.key and not plan_input.is_base_copy:
        write_note(tools.paths, plan_input.config.name, "key.pub", state.key)
    # A temporary VM is not used any further.
    notices = (before,) if before and not is_sync and not tools.options.recipe else ()
    once_own = after if is_sync else ""
    pace = guest_status.pace(tools.paths, name, instance)
    plan_input = replace(plan_input, guest=state, known_id=known_id, pace=pace, once_own=once_own)
    return Outcome(plan_input, "responded", (*shared, *notices))


def state(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Summarize the guest state; the plan is then made again from it."""
    assert plan_input.guest is not None  # noqa: S101
    if not plan_input.recipes:
        return Outcome(plan_input, "identity matches")  # this verb has no recipes
    sandbox_check.changes(tools, plan_input)
    count = len(guest_state.done_recipes(plan_input.guest))  # without those that were not run in the demo
    return Outcome(plan_input, f"{count} recipe{'' if count == 1 else 's'} applied")


def identity(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Store the identity that was written into the guest."""
    known_id = plan_input.known_id or plan_input.new_id
    write_note(tools.paths, plan_input.config.name, "identity", known_id)
    if plan_input.config.is_service:  # it has no key
        _is_no_copy(tools, plan_input)
    notices = () if identity_checks.has_key_to_come(plan_input) else _own(plan_input)
    return Outcome(replace(plan_input, known_id=known_id, once_own="" if notices else plan_input.once_own), "", notices)


def _own(plan_input: PlanInput) -> tuple[str, ...]:
    return (plan_input.once_own,) if plan_input.once_own else ()


def _is_no_copy(tools: Tools, plan_input: PlanInput) -> None:
    """Note that a clone has an identity and a key of its own now."""
    (tools.paths.vm_state(plan_input.config.name) / COPY_OF).unlink(missing_ok=True)


def key(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Store the public key, so that it can be shown while the VM is stopped."""
    found = guest_state.parse_key(finished.stdout, plan_input.nonce)
    if found is not None:
        write_note(tools.paths, plan_input.config.name, "key.pub", found.line)
        _is_no_copy(tools, plan_input)
        plan_input = replace(plan_input, is_base_copy=False)
    return Outcome(plan_input, found.fingerprint if found else "none", _own(plan_input) if found else ())


def is_gone(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that the instance is not listed any more, and remove its records. Raises DvmError if it still exists."""
    if parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance) is not None:
        raise DvmError(
            f"{plan_input.desired.instance} still exists after the delete.",
            f"Check `limactl list {plan_input.desired.instance}`.",
        )
    forget(tools.paths, plan_input.config.name)
    name = plan_input.config.name
    kept = f"Its config was kept: {tools.paths.vm_config(name)}. To remove it also: `dvm rm {name} --config`"
    notes = (() if tools.options.config else (kept,), filter(None, (stay_note(tools.paths, name),)))
    return Outcome(plan_input, "deleted", (f"{name} was deleted.", *chain(*notes)))


def remove_config(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Remove the config of the deleted VM if it is still the one that the user saw; a copy is kept."""
    name = plan_input.config.name
    try:
        kept = removing.remove_config(tools.paths, name, tools.options.config)
    except DvmError as error:
        return Outcome(
            plan_input, "kept", (f"Its config was kept: {error.what} To remove it: `dvm rm {name} --config`",)
        )
    return Outcome(plan_input, "removed", (f"Its config was removed. Its text is kept in {kept}",))


def end_connections(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """End the terminals and the SSH master that a forced stop leaves behind."""
    tools.end_connections()
    return Outcome(plan_input)


CHECKS: Mapping[str, Check] = {
    "check-instance": check_instance,
    "check-trial": recipe_trial.check_instance,
    "check-base": base_checks.check_base,
    "is-base": base_checks.is_base,
    "old-base-gone": base_checks.old_gone,
    "base-copied": base_checks.copied,
    "effective-copy": base_checks.effective_copy,
    "half-gone": base_checks.half_gone,
    "must-exist": must_exist,
    "deletable": deletable,
    "effective-config": effective_config,
    "effective-known": effective_known,
    "answer": answer,
    "state": state,
    "identity": identity,
    "key": key,
    "work": work_checks.checked,
    "work-optional": work_checks.checked_optional,
    "work-unchanged": work_checks.work_unchanged,
    "work-unchanged-optional": work_checks.work_unchanged,
    "sandbox-optional": sandbox_check.tested,
    "not-checked": work_checks.not_checked,
    "as-stopped": work_checks.as_stopped,
    "stopped": work_checks.stopped,
    "is-gone": is_gone,
    "record-entry": trash_checks.record_entry,
    "protect-optional": trash_checks.protected,
    "in-trash": trash_checks.in_trash,
    "checkpointable": checkpointable,
    "record-checkpoint": checkpoint_checks.record_checkpoint,
    "protect-checkpoint-optional": checkpoint_checks.protected,
    "checkpoint-made": checkpoint_checks.made,
    "rewindable": rewindable,
    "record-rewind": checkpoint_checks.record_rewind,
    "copied": checkpoint_checks.copied,
    "rewound": checkpoint_checks.rewound,
    "ports-free": port_checks.free,
    "ports-open": port_checks.lead_to_it,
    "remove-config": remove_config,
    "end-connections": end_connections,
}
