"""Starts the jobs that make a checkpoint of a VM, and that rewind it to one."""

from __future__ import annotations

from dvmweb import files, names
from dvmweb.errors import NotFound, NotNow
from dvmweb.jobs import copy_ends, removing
from dvmweb.jobs.job_record import Job
from dvmweb.records import checkpoint_records
from dvmweb.verbs import configs
from dvmweb.verbs.checkpoints.listing import Checkpoint
from dvmweb.verbs.deletion_preview import config_digest
from dvmweb.verbs.trash import entry_for
from dvmweb.verbs.vms import Vms


def make(vms: Vms, name: str, note: str = "", *, restart: bool = False) -> Job:
    """Start the job that makes a checkpoint. `restart`: stop a running VM for it, and start it again.

    Raises NotFound, VmBusy, ConfigError, and UsageError for a note that is too long or not plain text.
    """
    configs.must_have_config(vms.paths, name)
    checkpoint = names.new_entry(str(vms.paths.lima_home), name)
    note = checkpoint_records.checked_note(note)
    options = {"checkpoint": checkpoint, "copy": names.new_clone(), "note": note, "restart": restart}
    return vms.start_job(name, "checkpoint", options)


def is_created(vms: Vms, name: str) -> bool:
    """Whether the VM of a checkpoint is created, by its folder, so that a rewind would move it to the trash.

    Raises NotNow if it is, and has no config: what its config says of its work is not known.
    """
    if not removing.has_instance(vms.paths, name):
        return False
    if not vms.has_config(name):
        raise NotNow(
            f"{name} has no config, so it cannot be checked for unsaved work before a rewind.",
            f"Write one first: `dvm init {name}`, and set `code_dir` in it if its work is not in ~/code/{name}. "
            f"If nothing in the VM is needed: `limactl delete {names.instance_name(name)}`, then rewind again.",
        )
    return True


def rewind(
    vms: Vms, one: Checkpoint, *, force: bool, expected: str = "", check: bool = True, config: bool = False
) -> Job:
    """Start the job that moves the VM of a checkpoint to the trash and puts a copy of the checkpoint in its place.

    `force`, `expected`, `check`: as for a delete. `config`: also go back to the config of the checkpoint, which is
    always done if the VM is not created and has none. Raises NotFound, NotNow, VmBusy, ConfigError.
    """
    name = one.record.vm
    is_created(vms, name)
    if not vms.has_config(name):
        _write_config(vms, one)
    options = {
        "checkpoint": one.name,
        "copy": names.new_clone(),
        "trash": entry_for(vms, name),
        "force": force,
        "expected": expected,
        "check": check,
        "config": config_digest(vms, name) if config else "",
    }
    return vms.start_job(name, "rewind", options)


def _write_config(vms: Vms, one: Checkpoint) -> None:
    """Write the config of the checkpoint for a VM that has none."""
    text = copy_ends.config_text(vms.paths, one.record, one.record.vm)
    if text is None:
        vm = one.record.vm
        raise NotFound(f"{vm} has no config, and that of {one.name} is not known.", f"Write one first: `dvm init {vm}`")
    path = vms.paths.vm_config(names.vm_name(one.record.vm))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_whole(path, text, expected="")
