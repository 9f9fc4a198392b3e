"""How much of its cpu, memory and disk a VM uses, as numbers with a bar. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.jobs.stored import Reach
from dvmweb.vms import Vm
from dvmweb.web.wording import GIB, size

HIGH = 0.85  # from here on a meter warns


@dataclass(frozen=True)
class Meter:
    """A number with its limit; `value` and `most` are for the bar, 0 of 1 where nothing is known."""

    label: str
    text: str
    value: int = 0
    most: int = 1
    has_bar: bool = False
    is_high: bool = False


def meters(vm: Vm, disk_used: int, reach: Reach | None) -> tuple[Meter, ...]:
    """What the VM uses of what it may take: cpu and memory by its own word, disk (bytes, 0: not known) as this computer
    counts it. `reach` is its fresh answer; where there is none only the limit stands there.
    """
    cpus, memory, disk = asked_size(vm)
    cpu = Meter("cpu", str(cpus or "?"))
    if reach is not None and reach.cpu is not None:
        cpu = Meter("cpu", f"{reach.cpu} % of {cpus}", reach.cpu, 100, has_bar=True, is_high=reach.cpu > HIGH * 100)
    return (cpu, _filled("mem", reach.memory if reach else None, memory), _filled("disk", disk_used or None, disk))


def _filled(label: str, used: int | None, most: int) -> Meter:
    """Bytes used of bytes there are; without a bar where one of them is not known."""
    if used is None:
        return Meter(label, size(most))
    words = f"{used / GIB:.1f}".removesuffix(".0") if used >= GIB // 20 else "<0.1"
    text = f"{words} / {size(most)}"
    if not most:
        return Meter(label, text)
    return Meter(label, text, min(used, most), most, has_bar=True, is_high=used > most * HIGH)


def asked_size(vm: Vm) -> tuple[int, int, int]:
    """cpus, memory and disk (bytes) of the instance, else as the config asks for them; 0 where nobody knows."""
    facts = vm.instance or vm.config
    return (facts.cpus, facts.memory, facts.disk) if facts else (0, 0, 0)
