"""The first check of a recipe test: no instance has the temporary name, and the VM to be cloned is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dvmweb.errors import DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.jobs import starting
from dvmweb.jobs.bases import copying
from dvmweb.jobs.checks.isolation import as_created, write_lima_yaml
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.current_state import facts_about
from dvmweb.lima.instances import Instance, Listing, parse_list
from dvmweb.lima.process import Finished
from dvmweb.names import instance_name, is_trial, vm_of_instance
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput
from dvmweb.states import refusal


def check_instance(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that no instance has this name and that the VM to be cloned is stopped. Raises DvmError, NotFound."""
    listing = parse_list(finished.stdout, finished.stderr)
    if listing.find(plan_input.desired.instance) is not None:
        raise DvmError(f"{plan_input.desired.instance} already exists.", "Try again; nothing was changed.")
    notices = tuple(_left_behind(tools.paths, listing))
    if not tools.options.origin:
        write_lima_yaml(plan_input)
        return Outcome(replace(plan_input, is_listed=True), "not created", notices)
    found = _origin(tools.paths, listing, tools.options.origin)
    own = plan_input.lima_file
    # The clone has the user and image with which its origin was created; the origin's lima.yaml is not changed.
    plan_input, _ = as_created(
        replace(plan_input, lima_file=tools.paths.vm_state(tools.options.origin) / own.name), found
    )
    clone = replace(
        found,
        name=plan_input.desired.instance,
        directory=str(plan_input.lima_home / plan_input.desired.instance),
        protected=False,
    )
    plan_input = replace(plan_input, lima_file=own, instance=clone, is_listed=True)
    return Outcome(plan_input, f"{found.name}: {visible(found.status)}", notices)


def _origin(paths: Paths, listing: Listing, origin: str) -> Instance:
    found = listing.find(instance_name(origin))
    if found is None:
        raise NotFound(f"{origin} is not created.", "Without --vm the recipe is tested in a new VM.")
    if found.status != "Stopped":
        status = found.status or "in an unknown state"
        error = refusal("stop", facts_about(paths, origin, found))  # a plain stop works only for a running VM
        helps = error.todo if error is not None else f"Stop it with `dvm stop {origin}`."
        todo = f"{helps} Without --vm the recipe is tested in a new VM."
        raise DvmError(f"{origin} is {status}, and only a stopped VM can be cloned.", todo)
    copying.refuse_half(paths, origin, found)
    return found


def _left_behind(paths: Paths, listing: Listing) -> Iterator[str]:
    """Notices about temporary VMs that earlier tests left behind."""
    for instance in listing.instances:
        vm = vm_of_instance(instance.name)
        if vm is not None and is_trial(vm) and starting.open_job(paths, vm) is None:
            yield f"{instance.name} was left behind by an earlier test. Delete it: limactl delete -f {instance.name}"
