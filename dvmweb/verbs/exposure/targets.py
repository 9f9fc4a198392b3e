"""What an exposure test tries to reach: the other VMs, the local network of the host, a place on the internet."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvmweb import files
from dvmweb.config.git_hosts import host_of
from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError
from dvmweb.verbs.vm import Vm

# The names and addresses under which Lima's networks lead to the host: user-v2, the default one, and slirp.
HOST = ("host.lima.internal", "192.168.104.2", "192.168.5.2", "10.0.2.2")
OUTSIDE = ("example.com", 443)  # reserved for such use (RFC 2606); nothing is sent
LOCAL_PORTS = (53, 80, 443)  # what routers and name servers listen on
SSH = 22
MOST_VMS, MOST_PORTS, MOST_ADDRESSES = 20, 5, 4
_SMALL = 100_000  # bytes
_SERVER = re.compile(r"^nameserver\s+(\S+)", re.M)


def targets(config: VmConfig, others: Iterable[Vm]) -> dict[str, Any]:
    """The targets of a VM's test, as exposure_probe.py reads them; `others`: all VMs."""
    every = [vm for vm in others if vm.status == "Running" and vm.name != config.name]
    running = [vm for vm in every if vm.config][:MOST_VMS]
    tried = {vm.name for vm in running}
    git_host = host_of(config.repo)
    return {
        "hosts": list(HOST),
        "vms": [[vm.name, vm.config.guest_name, _ports(vm.config)] for vm in running if vm.config],
        "untried": [vm.name for vm in every if vm.name not in tried][:MOST_VMS],
        "private": [[address, list(LOCAL_PORTS)] for address in local_addresses()],
        "egress": [*([[git_host, 443]] if git_host else []), list(OUTSIDE)],
    }


def _ports(config: VmConfig) -> list[int]:
    return [SSH, *[port.guest_port for port in config.ports if port.guest_port != SSH][:MOST_PORTS]]


def local_addresses(route: Path = Path("/proc/net/route"), resolver: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The private addresses of the host's router (Linux) and name servers; without those of the host itself."""
    found = [*_routers(_text(route)), *_SERVER.findall(_text(resolver))]
    return [address for address in dict.fromkeys(found) if _is_local(address)][:MOST_ADDRESSES]


def _routers(table: str) -> list[str]:
    """The gateways of default routes in the kernel's table, whose addresses are hexadecimal and little-endian."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        with suppress(ValueError, OSError, IndexError):
            if fields[1] == "00000000":
                found.append(socket.inet_ntoa(bytes.fromhex(fields[2])[::-1]))
    return found


def _is_local(address: str) -> bool:
    with suppress(ValueError):
        parsed = ipaddress.ip_address(address)
        return parsed.version == 4 and parsed.is_private and not parsed.is_loopback and not parsed.is_unspecified
    return False


def _text(path: Path) -> str:
    with suppress(OSError, DvmError):
        return files.read_bounded(path, _SMALL).decode("ascii", "replace")
    return ""
