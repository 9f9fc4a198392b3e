"""Runs all checks of `dvm doctor`, and repairs what is safe to repair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from dvmweb.config import stray_files
from dvmweb.errors import DvmError
from dvmweb.lima import connections
from dvmweb.records import renames
from dvmweb.states import refusal
from dvmweb.verbs import bases, checkpoints, cloning, configs, trash
from dvmweb.verbs.doctor import host, left_copies, lima_home
from dvmweb.verbs.doctor.clocks import clocks
from dvmweb.verbs.doctor.findings import Finding, State
from dvmweb.verbs.vm import Vm
from dvmweb.verbs.vms import Vms

END_CONNECTIONS = "end the connections"
PROTECT_ENTRIES = "finish or remove what was interrupted"
REPAIR_COPIES = "finish or remove a copy that was interrupted"
REPAIRS = (
    *(host.CLOSE_FOLDER, lima_home.REMOVE_PID_FILES, PROTECT_ENTRIES),
    *(REPAIR_COPIES, left_copies.REMOVE, END_CONNECTIONS),
)


def examine(vms: Vms) -> tuple[Finding, ...]:
    """All findings. Changes nothing; a check that fails is a finding of its own."""
    return (*examine_host(vms), *examine_vms(vms))


def examine_host(vms: Vms) -> tuple[Finding, ...]:
    """The findings about this computer, which need no VM: engine, virtualisation, disk, folders, Lima's own files."""
    found = [*host.engine(vms), *host.virtualisation(vms), *host.disk(vms.paths), *host.folders(vms.paths)]
    return (*found, *host.lima_files(vms.paths), *lima_home.reflinks(vms.paths))


def examine_vms(vms: Vms) -> tuple[Finding, ...]:
    """The findings about configs and VMs; each running VM is asked for its clock, for at most 10 s."""
    found = [*_configs(vms), *_vms(vms)]
    found += lima_home.pid_files(vms.paths)  # after the listing, in which Lima removes those of dead processes
    return tuple(found)


def _configs(vms: Vms) -> Iterator[Finding]:
    try:
        stray = stray_files.problems(vms.paths)
    except DvmError as error:
        yield Finding("configs", State.UNKNOWN, error.what, error.todo)
        return
    for problem in stray:
        yield Finding("configs", State.WARNING, str(problem))


def _vms(vms: Vms) -> Iterator[Finding]:
    try:
        listed = vms.list_vms()
    except DvmError as error:
        yield Finding("VMs", State.UNKNOWN, f"VMs cannot be listed: {error.what}", error.todo)
        return
    is_good = True
    for vm in listed:
        for finding in (*_config_of(vms, vm), *_state_of(vms, vm), *_connections_of(vm)):
            is_good = False
            yield finding
    yield from _trash(vms)
    if is_good:
        yield Finding("VMs", State.OK, f"{len(listed)} listed, none with a problem.")
    yield from clocks(vms, listed)


def _trash(vms: Vms) -> Iterator[Finding]:
    """Entries that use disk although they have expired, and what an interrupted command left half done."""
    if note := renames.note(vms.paths):
        yield Finding("rename", State.FAILED, note)
    if note := cloning.note(vms.paths):
        yield Finding("clone", State.WARNING, note, "", PROTECT_ENTRIES)
    for note in checkpoints.notes(vms.paths):
        yield Finding("checkpoint", State.WARNING, note, "", REPAIR_COPIES)
    for name in bases.leftovers(vms.paths):
        yield Finding("bases", State.WARNING, bases.interrupted(name), f"To remove it: `dvm base rm {name}`")
    for name in left_copies.unnamed(vms.paths):
        what = f"{name} is a copy of a VM that no command uses any more. It uses disk."
        yield Finding("checkpoint", State.WARNING, what, "", left_copies.REMOVE)
    if note := trash.expired_note(vms):
        yield Finding("trash", State.WARNING, note)
    for one in trash.list_entries(vms):
        if one.is_half:
            what = f"{one.name} is in the trash but not protected from `limactl delete`."
            yield Finding("trash", State.WARNING, what, "`dvm trash ls` protects it.", PROTECT_ENTRIES)


def _config_of(vms: Vms, vm: Vm) -> Iterator[Finding]:
    if vm.kind == "unmanaged":
        return
    try:
        configs.check_config(vms.paths, vm.name)
    except DvmError as error:
        yield Finding(f"VM {vm.name}", State.FAILED, error.what, error.todo or f"dvm config validate {vm.name}")


def _state_of(vms: Vms, vm: Vm) -> Iterator[Finding]:
    """A VM that is broken; one that is stopped or not created is as it should be."""
    if vm.instance is None or vm.kind == "unmanaged" or vm.status in ("Running", "Stopped"):
        return
    error = refusal("sync", vms.standing(vm.name, vm.instance))
    if error is not None:
        yield Finding(f"VM {vm.name}", State.FAILED, error.what, error.todo)


def _connections_of(vm: Vm) -> Iterator[Finding]:
    """ssh processes of a VM that no longer runs: they hang for ever, and so does what uses them."""
    if vm.instance is None or vm.status == "Running" or not vm.instance.directory:
        return
    count = connections.count(Path(vm.instance.directory))
    if count:
        what = f"ssh is still connected to {vm.name}, which is not running: {count} processes."
        yield Finding(f"VM {vm.name}", State.WARNING, what, "", END_CONNECTIONS)


def repair(vms: Vms, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Repair what is safe; a sentence for each thing that was done. Raises OSError, DvmError."""
    return repair_each(vms, {one.repair for one in findings})


def repair_each(vms: Vms, wanted: Set[str]) -> tuple[str, ...]:
    """Do these of REPAIRS, as far as they are still needed; a sentence for each thing that was done."""
    done: list[str] = []
    if host.CLOSE_FOLDER in wanted:
        for path in (vms.paths.config, vms.paths.state):
            if path.is_dir() and not path.is_symlink() and path.stat().st_mode & 0o022:
                path.chmod(path.stat().st_mode & ~0o022 & 0o7777)
                done.append(f"{path} is no longer writable by others.")
    if lima_home.REMOVE_PID_FILES in wanted:
        done += lima_home.remove_stale(vms.paths)
    if PROTECT_ENTRIES in wanted:
        done += trash.repair(vms)[1]
    if REPAIR_COPIES in wanted:
        done += checkpoints.repair(vms)[1]
    if left_copies.REMOVE in wanted:
        done += left_copies.remove(vms)
    if END_CONNECTIONS in wanted:
        for vm in vms.list_vms():  # as they are now
            if any(_connections_of(vm)):
                assert vm.instance is not None  # noqa: S101
                count = connections.end_connections(Path(vm.instance.directory))
                done.append(f"{count} ssh processes of {vm.name} were ended.")
    return tuple(done)
