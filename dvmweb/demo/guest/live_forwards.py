"""Ports that `ssh -O forward` opens on the shared connection of a demo guest, and `-O cancel` closes.

As with ssh, the port of the host listens whether or not something in the guest does, and all of them end with the
connection.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.demo.guest.forwarding import LOOPBACK, Forwarder, listening
from dvmweb.demo.logs import Plain

FILE = "ssh-forwards.json"  # [[host port, guest port], ...] as asked for
DONE = "ssh-forwards.tmp"  # the same as they are; removed at the end of the guest, as every .tmp
SPEC = re.compile(r"127\.0\.0\.1:([0-9]{1,5}):127\.0\.0\.1:([0-9]{1,5})")
LOST = 255
PATIENCE, STEP = 10.0, 0.02  # seconds
Pairs = set[tuple[int, int]]


def control(folder: Path, verb: str, spec: str) -> int:
    """Ask the host agent to open or close a port, and wait until it has. Raises Plain, as ssh fails."""
    match = SPEC.fullmatch(spec)
    if not match:
        raise Plain(f"Bad local forwarding specification '{spec}'", LOST)
    pair = int(match[1]), int(match[2])
    pairs = _read(folder / FILE)
    if verb == "cancel" and pair not in pairs:
        print("mux_client_forward: forwarding request failed: port not forwarded", file=sys.stderr)
        return 0  # as ssh does
    _write(folder / FILE, pairs | {pair} if verb == "forward" else pairs - {pair})
    until = time.monotonic() + PATIENCE
    while (pair in _read(folder / DONE)) != (verb == "forward"):
        if pair not in _read(folder / FILE) and verb == "forward":
            raise Plain("mux_client_forward: forwarding request failed: Port forwarding failed", LOST)
        if time.monotonic() > until:
            raise Plain("mux_client_forward: no answer", LOST)
        time.sleep(STEP)
    return 0


def _read(path: Path) -> Pairs:
    with suppress(OSError, ValueError):
        return {(int(host), int(guest)) for host, guest in json.loads(path.read_text())}
    return set()


def _write(path: Path, pairs: Pairs) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.write_text(json.dumps(sorted(pairs)))
    fresh.replace(path)


@dataclass
class LiveForwards:
    """The ports that are open on the shared connection, served in the loop of the host agent."""

    forwarder: Forwarder
    _open: dict[tuple[int, int], socket.socket] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = self.forwarder.guest.folder
        (self._folder / FILE).unlink(missing_ok=True)

    def serve(self) -> None:
        """Open and close what was asked for, and serve connections; does not block."""
        with suppress(FileNotFoundError):  # the instance was deleted
            if not (self._folder / "ssh.sock").exists():
                (self._folder / FILE).unlink(missing_ok=True)
            wanted = _read(self._folder / FILE)
            before = set(self._open)
            for pair in before - wanted:
                self._open.pop(pair).close()
            for pair in wanted - before:
                self._begin(pair, wanted)
            if before != set(self._open):
                _write(self._folder / DONE, set(self._open))
        self._take_calls()

    def _begin(self, pair: tuple[int, int], wanted: Pairs) -> None:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setblocking(False)
        try:
            server.bind((LOOPBACK, pair[0]))
            server.listen()
            self._open[pair] = server
        except OSError as error:
            server.close()
            print(error, file=sys.stderr)
            _write(self._folder / FILE, wanted - {pair})

    def _take_calls(self) -> None:
        for (_, guest), server in self._open.items():
            now = listening(self.forwarder.guest.agent.driver_pid, [guest])
            if guest in now:
                self.forwarder.take_calls(server, guest, is_outside=now[guest], also=self.sockets())
            else:  # ssh takes a connection, and closes it when the guest refuses
                with suppress(OSError):
                    while True:
                        server.accept()[0].close()

    def sockets(self) -> list[socket.socket]:
        """The listening sockets, for the agent's select."""
        return list(self._open.values())

    def close(self) -> None:
        """Close all of them."""
        for server in self._open.values():
            server.close()
