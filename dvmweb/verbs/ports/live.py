"""Opens and closes a port of a running VM, and writes it into the config, so that the next start has it."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb import host_ports
from dvmweb.config import fields
from dvmweb.config.fields import PortForward
from dvmweb.config.values import Wrong
from dvmweb.errors import NotFound, PortTaken, UsageError
from dvmweb.jobs import live_forwards
from dvmweb.lima.failures import LimaError
from dvmweb.lima.lima_yaml.ports import LEAVES, LIVE, OPEN, QUIET, TAKEN, PortState
from dvmweb.records import live_ports
from dvmweb.verbs import config_values
from dvmweb.verbs.configs import check_config
from dvmweb.verbs.drafts import Drafts
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Done:
    """What was done with a port."""

    port: str  # as the config has it
    is_live: bool  # the running VM has it now, or no longer
    is_new: bool  # the config was changed
    note: str = ""  # why it is not live, and what else to know


def add(vms: Vms, name: str, text: str) -> Done:
    """Open a port (`3000`, or `8080:80` as host:guest) and add it to the config.

    Raises UsageError, NotFound, PortTaken if another program has the port, CheckFailed if it cannot be opened; then the
    config is unchanged.
    """
    port = _parsed(text)
    declared = check_config(vms.paths, name).ports
    other = next((one for one in declared if one.host_port == port.host_port and one != port), None)
    if other is not None:
        todo = f"Use another host port, or remove it first: dvm port {name} rm {port.host_port}"
        raise UsageError(f"Port {port.host_port} of the host already leads to port {other.guest_port} of {name}.", todo)
    note = _open(vms, name, port)
    is_new = port not in declared
    if is_new:
        try:
            _write(vms, name, (*declared, port))
        except BaseException:
            if not note:
                _close(vms, name, port.host_port)
            raise
    return Done(str(fields.port_text(port)), not note, is_new, note)


def remove(vms: Vms, name: str, number: int) -> Done:
    """Close a port, by its number here or in the guest, and remove it from the config. Raises NotFound, CheckFailed."""
    declared = check_config(vms.paths, name).ports
    recorded = live_ports.read(vms.paths, name)
    every = [*declared, *(PortForward(fields.HOST_IP, one.host_port, one.guest_port) for one in recorded.values())]
    found = [one for one in every if one.host_port == number] or [one for one in every if one.guest_port == number]
    if not found:
        known = ", ".join(str(fields.port_text(one)) for one in dict.fromkeys(every)) or "none"
        raise NotFound(f"{name} has no port {number}.", f"Its ports: {known}")
    if len(set(found)) > 1:
        raise UsageError(f"Several ports of this computer lead to port {number} of {name}.", "Give one of those.")
    port = found[0]
    is_new = port in declared
    if is_new:
        _write(vms, name, tuple(one for one in declared if one != port))
    _close(vms, name, port.host_port)
    left = next((one for one in _states(vms, name) if one.host_port == port.host_port), None)
    note = ""
    if left is not None and left.state == LEAVES:
        note = "the VM has had it since its start: it closes at the next restart"
    return Done(str(fields.port_text(port)), not note, is_new, note)


def _parsed(text: str) -> PortForward:
    try:
        return fields.ports([int(text) if text.isdecimal() else text])[0]
    except Wrong as error:
        _, what, todo = error.faults[0]
        raise UsageError(f"{what[:1].upper()}{what[1:]}.", todo) from None


def _states(vms: Vms, name: str) -> tuple[PortState, ...]:
    vm = vms.listed(name)
    return vm.ports if vm is not None and vm.status == "Running" else ()


def _open(vms: Vms, name: str, port: PortForward) -> str:
    """Open a port of a running VM; why it is not open now, "" if it is. Raises PortTaken, CheckFailed."""
    vm = vms.listed(name)
    if vm is None or vm.status != "Running":
        return "the VM is not running: it opens at the next start"
    pair = port.host_port, port.guest_port
    now = next((one for one in vm.ports if (one.host_port, one.guest_port) == pair), None)
    if now is not None and now.state in (OPEN, LIVE, QUIET):
        return ""
    if now is not None and now.state == LEAVES:
        return ""  # it is open, and stays so when the config has it
    listener = host_ports.listeners([port.host_port]).get(port.host_port)
    if listener is not None or (now is not None and now.state == TAKEN):
        holder = now.holder if now is not None and now.holder else (listener.words if listener else "another program")
        todo = f"End that program, or use another host port: dvm port {name} add 18080:{port.guest_port}"
        raise PortTaken(f"Port {port.host_port} of the host is in use by {holder}.", todo)
    plan_input, lima = vms.running(name)
    live_forwards.forward(vms.paths, lima, plan_input.desired.instance, name, *pair)
    return ""


def _close(vms: Vms, name: str, host_port: int) -> None:
    """Close a port that was opened while the VM runs. Raises CheckFailed if it stays open."""
    one = live_ports.read(vms.paths, name).get(host_port)
    listener = host_ports.listeners([host_port]).get(host_port)
    if one is None or not one.is_open or listener is None or listener.pid != one.pid:
        live_ports.remove(vms.paths, name, host_port)
        return  # it is closed already
    plan_input, lima = vms.running(name)
    done = lima.forward(plan_input.desired.instance, "cancel", host_port, one.guest_port)
    left = host_ports.listeners([host_port]).get(host_port)
    if left is not None and left.pid == one.pid:
        raise LimaError(done, f"Port {host_port} is still open. Restart the VM to close it: `dvm restart {name}`.")
    live_ports.remove(vms.paths, name, host_port)


def _write(vms: Vms, name: str, ports: tuple[PortForward, ...]) -> None:
    words = tuple(str(fields.port_text(one)) for one in ports) or None
    config_values.change(Drafts(vms.paths, vms.environ), name, "ports", words)
