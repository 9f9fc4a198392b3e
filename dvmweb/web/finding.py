"""Find the VM that an address names: in the last list, else in a fresh one; never by joining paths."""

from __future__ import annotations

from dvmweb.errors import NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.names import vm_name
from dvmweb.vms import Vm
from dvmweb.web import house


def checked(name: str) -> str:
    """The name where it can be one of a VM. Raises NotFound."""
    try:
        return vm_name(name)
    except UsageError:
        raise NotFound(f"There is no VM {visible(name, 60)}.", "The list of VMs shows all there are.") from None


def find_vm(name: str) -> Vm:
    """The VM as it was last seen, or by a fresh list where its config is newer than that.

    Raises NotFound, UsageError for an instance that dvm did not make, and why there is no list at all.
    """
    checked(name)
    snapshot = house.watch().snapshot()
    if found := _managed(snapshot.vms, name):
        return house.vms().remembered(found)  # a job may have ended since, and noted what it saw
    if snapshot.problem is not None and not snapshot.generation:
        raise snapshot.problem
    return _fresh(name, snapshot.vms)


def find_fresh(name: str) -> Vm:
    """The VM by a list made now, for what must not go wrong. Raises as `find_vm`, and the engine's own error."""
    return _fresh(checked(name), ())


def _fresh(name: str, seen: tuple[Vm, ...]) -> Vm:
    vms = house.vms()
    is_there = vms.paths.vm_config(name).exists()
    every = vms.list_vms() if is_there or not seen else seen
    if found := _managed(every, name):
        return found
    if any(vm.name == name for vm in every):
        raise UsageError(
            f"{name} is a Lima instance that dvm did not make, so dvm does not touch it.",
            f"Use limactl for it, for example: limactl list {name}",
        )
    raise NotFound(f"There is no VM {name}.", "The list of VMs shows all there are.")


def _managed(every: tuple[Vm, ...], name: str) -> Vm | None:
    return next((vm for vm in every if vm.name == name and vm.kind != "unmanaged"), None)
