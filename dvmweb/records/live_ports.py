"""Records the ports of a VM that were opened while it ran, with the process that holds each."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths
from dvmweb.process_identity import birth, is_alive

FILE = "live-ports.json"
MOST_BYTES = 100_000


@dataclass(frozen=True)
class LivePort:
    """A port that a process forwards, by its PID and start time."""

    host_port: int
    guest_port: int
    pid: int
    born: str

    @property
    def is_open(self) -> bool:
        """Whether that process still runs."""
        return is_alive(self.pid, self.born)


def read(paths: Paths, name: str) -> dict[int, LivePort]:
    """The ports that were opened and not closed by the user, by host port; also those whose process has ended."""
    with suppress(OSError, ValueError, TypeError, DvmError, RecursionError):
        found = json.loads(files.read_bounded(paths.vm_state(name) / FILE, MOST_BYTES))
        ports = [LivePort(**one) for one in found]
        return {one.host_port: one for one in ports}
    return {}


def pairs(paths: Paths, name: str) -> dict[int, tuple[int, int]]:
    """Host port -> (guest port, PID), of the same; the PID is 0 if that process has ended."""
    return {host: (one.guest_port, one.pid if one.is_open else 0) for host, one in read(paths, name).items()}


def add(paths: Paths, name: str, host_port: int, guest_port: int, pid: int) -> None:
    """Record a port that the process `pid` forwards now."""
    _write(paths, name, {**read(paths, name), host_port: LivePort(host_port, guest_port, pid, birth(pid))})


def remove(paths: Paths, name: str, host_port: int) -> None:
    """Forget a port."""
    _write(paths, name, {port: one for port, one in read(paths, name).items() if port != host_port})


def _write(paths: Paths, name: str, ports: dict[int, LivePort]) -> None:
    data = json.dumps([asdict(one) for one in ports.values()]).encode()
    files.write_whole(files.private_folder(paths.vm_state(name)) / FILE, data)
