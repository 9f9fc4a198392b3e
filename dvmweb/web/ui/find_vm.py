"""Finds the VM in an address: in the last list, else in a new one; never by joining paths."""

from __future__ import annotations

from dvmweb.config.stray_files import no_config
from dvmweb.errors import NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.names import vm_name
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui import context


def checked(name: str) -> str:
    """Return the name if it is a valid VM name. Raises NotFound."""
    try:
        return vm_name(name)
    except UsageError:
        raise NotFound(f"There is no VM {visible(name, 60)}.", "The list of VMs shows all VMs.") from None


def find_vm(name: str) -> Vm:
    """Return the VM from the last list, or from a new one if its config is newer.

    Raises NotFound, also for an unmanaged instance, and the engine's error if there is no list at all.
    """
    checked(name)
    seen = listed()
    if found := _managed(seen, name):
        return context.vms().remembered(found)  # a job can have ended since and stored what it found
    return _fresh(name, seen)


def listed(timeout: float = 0.0) -> tuple[Vm, ...]:
    """Return the VMs of the last list; where files have changed since, wait up to `timeout` seconds for a new one.

    Raises the engine's error if there is no list at all: a VM is then not known, and not missing.
    """
    snapshot = context.listed(timeout)
    if snapshot.problem is not None and not snapshot.generation:
        raise snapshot.problem
    return snapshot.vms


def find_fresh(name: str) -> Vm:
    """Return the VM from a new list, for actions that must not use old facts. Raises as `find_vm`."""
    return _fresh(checked(name), ())


def _fresh(name: str, seen: tuple[Vm, ...]) -> Vm:
    vms = context.vms()
    is_there = vms.paths.vm_config(name).exists()
    every = vms.list_vms() if is_there or not seen else seen
    if found := _managed(every, name):
        return found
    raise no_config(vms.paths, name)


def _managed(every: tuple[Vm, ...], name: str) -> Vm | None:
    return next((vm for vm in every if vm.name == name and vm.kind != "unmanaged"), None)
