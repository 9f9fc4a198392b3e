"""The steps that a delete would run, for its page; and the removal of a config without a VM."""

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
from dvmweb.records import trash_records, work_reports
from dvmweb.verbs.vms import Vm, Vms


def steps_of_delete(vms: Vms, vm: Vm, *, force: bool, expected: str, trash: str) -> tuple[Step, ...]:
    """The steps of the delete job that run a command, from the last listing; `trash`: the entry, "" for good.

    Raises ConfigError and NoEngine, as the job would.
    """
    is_clean_since_stop = work_reports.clean_since_stop(vms.paths, vm.name, vm.instance) is not None
    plan_input = load_input(vms.paths, vms.environ, vm.name, "delete")
    plan_input = replace(plan_input, instance=vm.instance, is_listed=True, is_clean_since_stop=is_clean_since_stop)
    options = plans.Options(force=force, expected=expected, trash=trash)
    return tuple(step for step in plans.plan("delete", plan_input, options) if step.argv)


def config_digest(vms: Vms, name: str) -> str:
    """The digest of a VM's current config. Raises NotFound, and UsageError if it is not a plain file."""
    if not vms.has_config(name):
        raise no_config(vms.paths, name)
    return ConfigStore(vms.paths).source(name)[1]


def is_created(vms: Vms, name: str) -> bool:
    """Whether the VM of a config is created, by its folder; runs no limactl. Raises NotFound, UsageError."""
    config_digest(vms, name)  # raises the error for a name without a config
    return removing.has_instance(vms.paths, name)


def remove_config(vms: Vms, name: str, expected: str = "") -> Path:
    """Remove the config of a VM that is not created; return the path of the copy.

    Raises NotFound, VmBusy, ChangedOnDisk if the config has another digest than `expected`, UsageError if the VM is
    created.
    """
    config_digest(vms, name)  # raises before a state folder is created
    lock = starting.take(vms.paths, name)
    try:
        if removing.has_instance(vms.paths, name):
            what = f"{name} is created, so its config cannot be removed alone."
            raise UsageError(what, f"To delete both: `dvm rm {name} --config`")
        kept = removing.remove_config(vms.paths, name, expected)
        os.ftruncate(lock.descriptor, 0)  # the last job was about the removed VM
        return kept
    finally:
        lock.release()


def not_created(vms: Vms, name: str) -> NotFound:
    """The error of a delete if the VM has only a config."""
    entries = [one for one in trash_records.entries(vms.paths) if trash_records.read(vms.paths, one).vm == name]
    trash = f" To restore it from the trash: `dvm trash restore {entries[-1]}`" if entries else ""
    return NotFound(
        f"{name} is not created, so there is no VM to delete.",
        f"To remove its config: `dvm rm {name} --config`{trash}",
    )
