"""CPUs and memory of the host, and how much is allocated to VMs: a line in the form."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dvmweb.verbs.vms import Vm

GIB = 2**30


def host_line(vms: Iterable[Vm], name: str) -> str:
    """Return what is allocated to other VMs; `name` is the VM of the form, which is not counted."""
    others = [vm.instance for vm in vms if vm.instance is not None and vm.name != name]
    cpus, memory = os.cpu_count() or 0, _memory()
    allocated = sum(instance.memory for instance in others)
    return (
        f"Other VMs have {sum(instance.cpus for instance in others)} of {cpus or '?'} CPUs, "
        f"{_gib(allocated)} of {_gib(memory) if memory else '?'} GiB"
    )


def _memory() -> int:
    """Return the memory of the host in bytes, 0 if not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def _gib(size: int) -> str:
    return f"{size / GIB:.3g}"
