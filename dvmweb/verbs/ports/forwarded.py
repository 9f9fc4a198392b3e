"""The address at which a port of a VM is reached from this computer."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb import states
from dvmweb.errors import NotFound, PortTaken
from dvmweb.verbs.configs import must_have_config
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Forwarded:
    """An address for a browser, and what to know about it."""

    address: str
    note: str = ""  # "" if something answers there


def address_of(vms: Vms, name: str, port: int | None) -> Forwarded:
    """The address of a declared port of a running VM; without `port` of the first one.

    Raises NotFound, PortTaken if another program has it, and the error that fits the state of the VM.
    """
    must_have_config(vms.paths, name)
    vm = vms.listed(name)
    assert vm is not None  # noqa: S101  (each config is listed)
    if error := states.refusal("ssh", vms.standing(name, vm.instance)):
        raise error
    declared = ", ".join(one.text for one in vm.ports)
    found = next((one for one in vm.ports if port is None or port in (one.guest_port, one.host_port)), None)
    if found is None and port is None:
        raise NotFound(f"{name} has no port.", "Declare one in its config, such as `ports: [3000]`, then sync.")
    if found is None:
        raise NotFound(f"{name} has no port {port}.", f"Its ports: {declared or 'none'}")
    if found.is_lost:
        raise PortTaken(f"Port {found.text} does not lead to {name}: {found.note}.", "Free the port, then sync.")
    host = "127.0.0.1" if found.met_first else "localhost"  # another program would answer at [::1]
    return Forwarded(f"http://{host}:{found.host_port}/", f"Port {found.text}: {found.note}." if found.note else "")
