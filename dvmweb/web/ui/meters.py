"""CPU, memory and disk use of a VM as numbers with a bar. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.records.guest_status import GuestStatus
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui.formatting import GIB, size

HIGH = 0.85  # a meter above this share warns


@dataclass(frozen=True)
class Meter:
    """A number with its limit; `value` and `most` are for the bar, 0 of 1 if not known."""

    label: str
    text: str
    value: int = 0
    most: int = 1
    has_bar: bool = False
    is_high: bool = False


def meters(vm: Vm, disk_used: int, reach: GuestStatus | None) -> tuple[Meter, ...]:
    """Return the meters of a VM: CPU and memory as reported by the guest, disk as measured on the host.

    `disk_used`: bytes, 0 for not known. `reach`: the guest's current status; without it only the limits are shown.
    """
    cpus, memory, disk = configured_size(vm)
    cpu = Meter("cpu", str(cpus or "?"))
    if reach is not None and reach.cpu is not None:
        cpu = Meter("cpu", f"{reach.cpu} % of {cpus}", reach.cpu, 100, has_bar=True, is_high=reach.cpu > HIGH * 100)
    return (cpu, _filled("mem", reach.memory if reach else None, memory), _filled("disk", disk_used or None, disk))


def _filled(label: str, used: int | None, most: int) -> Meter:
    """Return used bytes of `most` bytes; without a bar if one of them is not known."""
    if used is None:
        return Meter(label, size(most))
    words = f"{used / GIB:.1f}".removesuffix(".0") if used >= GIB // 20 else "<0.1"
    text = f"{words} / {size(most)}"
    if not most:
        return Meter(label, text)
    return Meter(label, text, min(used, most), most, has_bar=True, is_high=used > most * HIGH)


def configured_size(vm: Vm) -> tuple[int, int, int]:
    """Return cpus, memory and disk (bytes) of the instance, else of the config; 0 for not known."""
    facts = vm.instance or vm.config
    return (facts.cpus, facts.memory, facts.disk) if facts else (0, 0, 0)
