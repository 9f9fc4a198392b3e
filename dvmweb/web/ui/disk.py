"""Measures the disk of a VM on the host, for its card, its page and its deletion."""

from __future__ import annotations

import os
from contextlib import suppress

from dvmweb.verbs.vms import Vm

DISKS = ("disk", "diffdisk")  # Lima 2.1 and newer, older ones


def disk_used(vm: Vm) -> int:
    """Return the bytes that the VM's disk uses on the host; 0 if not known."""
    if vm.instance is None or not vm.instance.directory.startswith("/"):
        return 0
    for name in DISKS:
        with suppress(OSError):
            return os.stat(f"{vm.instance.directory}/{name}").st_blocks * 512  # noqa: PTH116
    return 0
