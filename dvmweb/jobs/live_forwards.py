"""Opens a port of a running VM on Lima's own ssh connection, and again after that connection has ended."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from dvmweb import host_ports
from dvmweb.config.fields import PortForward
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.lima.client import Lima
from dvmweb.lima.failures import LimaError
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import ports
from dvmweb.paths import Paths
from dvmweb.records import live_ports


def forward(paths: Paths, lima: Lima, instance: str, name: str, host_port: int, guest_port: int) -> None:
    """Open it on the shared connection, which is made if there is none, and record it. Raises CheckFailed."""
    if not lima.answers(instance, fresh=False):
        raise CheckFailed(f"{name} does not respond.", "Try again.")
    done = lima.forward(instance, "forward", host_port, guest_port)
    if not done.is_ok:
        raise LimaError(done, f"Restart the VM to open the port: `dvm restart {name}`.")
    held = host_ports.listeners([host_port]).get(host_port)
    if held is None or not held.pid:
        raise CheckFailed(f"Port {host_port} did not open.", "Try again, or restart the VM.")
    live_ports.add(paths, name, host_port, guest_port, held.pid)


def reopen(paths: Paths, lima: Lima, instance: Instance, name: str, declared: Iterable[PortForward]) -> None:
    """Open the ports of a running VM again whose connection has ended. One that cannot be opened stays recorded."""
    recorded = live_ports.read(paths, name).values()
    listening = host_ports.listeners([one.host_port for one in recorded]) if recorded else {}
    held = {port: listener.pid for port, listener in listening.items()}
    ended = [one for one in recorded if not one.is_open or held.get(one.host_port) != one.pid]
    if not ended:
        return
    wanted = {(port.host_port, port.guest_port) for port in declared}
    by_lima = ports.forwards_of(instance)
    for one in ended:
        pair = one.host_port, one.guest_port
        if pair not in wanted or pair in by_lima:
            live_ports.remove(paths, name, one.host_port)
        elif one.host_port not in listening:
            with suppress(DvmError):
                forward(paths, lima, instance.name, name, *pair)
