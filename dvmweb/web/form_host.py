"""What this computer has for VMs, and how much of it is promised to them: the notes at CPUs, memory and disk."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dvmweb.vms import Vm

GIB = 2**30


def notes(vms: Iterable[Vm], name: str) -> dict[str, str]:
    """Sentences by field; `name` is the VM of the form, which is not counted."""
    others = [vm.instance for vm in vms if vm.instance is not None and vm.name != name]
    cpus, memory = os.cpu_count() or 0, _memory()
    promised = sum(instance.memory for instance in others)
    return {
        "cpus": f"{cpus or '?'} here, {sum(instance.cpus for instance in others)} promised to other VMs.",
        "memory": f"{_gib(promised)} of {_gib(memory) if memory else '?'} GiB promised to other VMs.",
        "disk": "Grows as it is used.",
    }


def _memory() -> int:
    """Bytes of this computer, 0 where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def _gib(size: int) -> str:
    return f"{size / GIB:.3g}"
