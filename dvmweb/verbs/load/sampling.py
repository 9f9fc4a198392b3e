"""Makes a sample of the load of a VM from the guest's own answer, or of a demo guest from the processes it consists of.

The guest answers every 15 s anyway, on every host and with every driver. The host sees less: where Apple's framework
runs a VM its process is not Lima's, and the memory of QEMU never shrinks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dvmweb.records import load_samples
from dvmweb.records.load_samples import Reading
from dvmweb.verbs.load import demo_processes

if TYPE_CHECKING:
    from dvmweb.guest.state import GuestState
    from dvmweb.lima.instances import Instance
    from dvmweb.paths import Paths


def keep(paths: Paths, vm: str, instance: Instance, state: GuestState) -> None:
    """Store a sample of a guest that has just answered."""
    make = of_demo if state.is_demo and paths.is_demo else of_answer
    reading = make(instance, state, time.time())
    if reading is not None:
        load_samples.add(paths, vm, reading)


def of_answer(instance: Instance, state: GuestState, now: float) -> Reading | None:
    """The reading in a guest's answer, limited by the size of its VM; None if it reports nothing."""
    use, network, disk = state.use, state.network, state.disk
    if use is None:
        return None
    return Reading(
        at=now,
        boot=instance.host_agent_pid,
        busy=use.busy,
        ticks=use.ticks,
        memory=_limited(use.memory_used, instance.memory),
        disk=_limited(disk[0], instance.disk) if disk is not None else None,
        received=network[0] if network is not None else None,
        sent=network[1] if network is not None else None,
    )


def _limited(number: int, most: int) -> int:
    """A number of the guest, at most the size that the host has given it (0: not known)."""
    return min(number, most) if most else number


def of_demo(instance: Instance, _state: GuestState, now: float) -> Reading | None:
    """CPU time and memory of the processes of a demo guest; it has neither a disk nor a network of its own."""
    found = demo_processes.use_of(instance.driver_pid)
    if found is None:
        return None
    ticks = int(now * demo_processes.TICKS) * max(1, instance.cpus)
    return Reading(now, instance.host_agent_pid, found.ticks, ticks, found.memory)
