"""Which VMs a command means: by name, all of them, or those that are not in use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dvmweb.errors import UsageError
from dvmweb.lima import connections
from dvmweb.records import last_use
from dvmweb.terminals.client import TerminalFacts, list_terminals
from dvmweb.verbs import configs
from dvmweb.verbs.vm import Vm
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Skipped:
    """A VM that was left out, with the reason."""

    name: str
    why: str


def named(vms: Vms, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in their order. Raises NotFound, before anything is done, for one without a config."""
    for name in names:
        configs.must_have_config(vms.paths, name)
    return tuple(dict.fromkeys(names))


def chosen(vms: Vms, verb: str, names: Sequence[str], *, is_all: bool) -> tuple[str, ...]:
    """The VMs of `verb NAME...` or `verb --all`: all that the verb can change. Raises UsageError, NotFound."""
    if bool(names) == is_all:
        what = "--all was given with names." if names else "No VM was named."
        raise UsageError(what, f"Name one or more: `dvm {verb} NAME...`, or all: `dvm {verb} --all`")
    if names:
        return named(vms, names)
    return tuple(vm.name for vm in vms.list_vms() if vm.kind != "unmanaged" and _is_changed(verb, vm))


def _is_changed(verb: str, vm: Vm) -> bool:
    if verb == "sync":
        return True
    if verb == "start":
        return vm.instance is not None and vm.status != "Running"
    return vm.instance is not None and vm.status == "Running"  # stop, restart


def inactive(vms: Vms) -> tuple[tuple[str, ...], tuple[Skipped, ...]]:
    """The running VMs that are not in use, and the others. Raises CheckFailed where the terminals are not known."""
    terminals = list_terminals(vms)
    running = [vm for vm in vms.list_vms() if vm.kind == "managed" and vm.status == "Running"]
    addressed = connections.addressed() if running else frozenset()
    reasons = {vm.name: why_in_use(vms, vm, terminals, addressed) for vm in running}
    free = tuple(name for name, why in reasons.items() if not why)
    return free, tuple(Skipped(name, why) for name, why in reasons.items() if why)


def why_in_use(vms: Vms, vm: Vm, terminals: Sequence[TerminalFacts], addressed: Collection[str]) -> str:
    """Why a running VM is in use, "" if nothing is known to use it. `addressed`: VMs to which ssh is connected."""
    opened = sum(one.vm == vm.name and not one.ended for one in terminals)
    if vm.job is not None:
        return f"a job runs: {vm.job.verb}"
    if opened:
        return "a terminal is open" if opened == 1 else f"{opened} terminals are open"
    if last_use.read(vms.paths, vm.name).is_now:
        return "a command or a copy runs in it"
    if vm.config is None:
        return "its config cannot be read"
    if vm.config.is_service:
        return "it is a service"
    return "ssh is connected to it" if vm.name in addressed else ""
