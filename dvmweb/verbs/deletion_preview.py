"""What a delete of a VM would run, as its page shows it before it is decided; and the removal of a config alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from dvmweb import plans
from dvmweb.config.store import ConfigStore
from dvmweb.config.stray_files import no_config
from dvmweb.errors import NotFound, UsageError
from dvmweb.jobs import removing, starting
from dvmweb.jobs.inputs import load_input
from dvmweb.plans import Step
from dvmweb.records import work_reports
from dvmweb.verbs.vms import Vm, Vms


def steps_of_delete(vms: Vms, vm: Vm, *, force: bool, expected: str) -> tuple[Step, ...]:
    """The steps of the delete job from the last list on, those that run a command.

    Raises ConfigError and NoEngine, as the job itself would.
    """
    is_seen_off = work_reports.holds(vms.paths, vm.name, vm.instance) is not None
    plan_input = load_input(vms.paths, vms.environ, vm.name, "delete")
    plan_input = replace(plan_input, instance=vm.instance, has_looked=True, is_seen_off=is_seen_off)
    options = plans.Options(force=force, expected=expected)
    return tuple(step for step in plans.plan("delete", plan_input, options) if step.argv)


def config_digest(vms: Vms, name: str) -> str:
    """The digest of a VM's config as it is now. Raises NotFound, UsageError for what is no plain file."""
    if not vms.has_config(name):
        raise no_config(vms.paths, name)
    return ConfigStore(vms.paths).source(name)[1]


def is_created(vms: Vms, name: str) -> bool:
    """Say whether a VM of that config is there, by its folder: without a question to Lima."""
    config_digest(vms, name)  # says what the name is where it has no config
    return removing.has_instance(vms.paths, name)


def remove_config(vms: Vms, name: str, expected: str = "") -> Path:
    """Remove the config of a VM that is not created; return where its text is kept.

    Raises NotFound, VmBusy, ChangedOnDisk where it is not the one with the digest `expected`, UsageError while the VM
    is there.
    """
    config_digest(vms, name)  # before a folder is created for a name that no VM has
    lock = starting.take(vms.paths, name)
    try:
        if removing.has_instance(vms.paths, name):
            what = f"{name} is created, so its config cannot be removed alone."
            raise UsageError(what, f"To delete both: `dvm rm {name} --config`")
        kept = removing.remove_config(vms.paths, name, expected)
        os.ftruncate(lock.descriptor, 0)  # the last job was about the VM that is forgotten
        return kept
    finally:
        lock.release()


def not_created(name: str) -> NotFound:
    """The error where a VM is to be deleted that has only a config."""
    return NotFound(
        f"{name} is not created, so there is no VM to delete.", f"To remove its config: `dvm rm {name} --config`"
    )
