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


def add(vms: Vms, name: str, text: str, *, is_temporary: bool = False) -> Done:
    """Open a port (`3000`, or `8080:80` as host:guest) and add it to the config; not to that if it is temporary.

    Raises UsageError, NotFound, PortTaken if another program has the port, CheckFailed if it cannot be opened; for a
    temporary port the error that fits the state of a VM that does not run. Then the config is unchanged.
    """
    port = _parsed(text)
    declared = check_config(vms.paths, name).ports
    _refuse_second(vms, name, declared, port)
    if is_temporary:
        vms.running(name)  # raises if there is nothing to open it on
    note = _open(vms, name, port)
    is_new = port not in declared and not is_temporary
    if is_new:
        _write_opened(vms, name, (*declared, port), port, note)
    return Done(str(fields.port_text(port)), not note, is_new, note)


def move(vms: Vms, name: str, number: int, host_port: int) -> Done:
    """Let a port of a VM, by its number here or in the guest, be `host_port` of this computer, also in the config.

    Raises as `add` does, and NotFound for a port that the VM does not have; then nothing is changed.
    """
    declared = check_config(vms.paths, name).ports
    old = _found(vms, name, declared, number)
    port = _parsed(f"{host_port}:{old.guest_port}")
    if port == old:
        raise UsageError(f"Port {old.guest_port} of {name} is host port {host_port} already.", "Give another port.")
    rest = tuple(one for one in declared if one != old)
    _refuse_second(vms, name, rest, port)
    note = _open(vms, name, port)
    is_new = old in declared
    if is_new:
        _write_opened(vms, name, tuple(port if one == old else one for one in declared), port, note)
    _close(vms, name, old.host_port)
    left = _left(vms, name, old)
    also = f"host port {old.host_port} stays open until the VM restarts" if left else ""
    return Done(str(fields.port_text(port)), not note, is_new, note or also)


def remove(vms: Vms, name: str, number: int) -> Done:
    """Close a port, by its number here or in the guest, and remove it from the config. Raises NotFound, CheckFailed."""
    declared = check_config(vms.paths, name).ports
    port = _found(vms, name, declared, number)
    is_new = port in declared
    if is_new:
        _write(vms, name, tuple(one for one in declared if one != port))
    _close(vms, name, port.host_port)
    left = _left(vms, name, port)
    note = "the VM has had it since its start: it closes at the next restart" if left else ""
    return Done(str(fields.port_text(port)), not note, is_new, note)


def _refuse_second(vms: Vms, name: str, declared: tuple[PortForward, ...], port: PortForward) -> None:
    """Raise UsageError if the host port leads to another port of the VM."""
    recorded = live_ports.read(vms.paths, name).values()
    opened = [PortForward(fields.HOST_IP, one.host_port, one.guest_port) for one in recorded if one.is_open]
    other = next((one for one in (*declared, *opened) if one.host_port == port.host_port and one != port), None)
    if other is not None:
        todo = f"Use another host port, or remove it first: dvm port {name} rm {port.host_port}"
        raise UsageError(f"Port {port.host_port} of the host already leads to port {other.guest_port} of {name}.", todo)


def _found(vms: Vms, name: str, declared: tuple[PortForward, ...], number: int) -> PortForward:
    """The one port with this number here, else in the guest. Raises NotFound, UsageError for several."""
    recorded = live_ports.read(vms.paths, name)
    every = [*declared, *(PortForward(fields.HOST_IP, one.host_port, one.guest_port) for one in recorded.values())]
    found = [one for one in every if one.host_port == number] or [one for one in every if one.guest_port == number]
    if not found:
        known = ", ".join(str(fields.port_text(one)) for one in dict.fromkeys(every)) or "none"
        raise NotFound(f"{name} has no port {number}.", f"Its ports: {known}")
    if len(set(found)) > 1:
        raise UsageError(f"Several ports of this computer lead to port {number} of {name}.", "Give one of those.")
    return found[0]


def _left(vms: Vms, name: str, port: PortForward) -> bool:
    """Whether a port that is no longer in the config stays open until a restart."""
    return any(one.host_port == port.host_port and one.state == LEAVES for one in _states(vms, name))


def _write_opened(vms: Vms, name: str, ports: tuple[PortForward, ...], opened: PortForward, note: str) -> None:
    """Write the config; if that fails, close the port that was opened for it (`note` is empty)."""
    try:
        _write(vms, name, ports)
    except BaseException:
        if not note:
            _close(vms, name, opened.host_port)
        raise


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
