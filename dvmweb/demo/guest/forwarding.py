"""Port forwards of a demo guest: forwards declared ports to listeners in the guest, like Lima's host agent."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dvmweb import host_ports
from dvmweb.demo.guest import entering

LOOPBACK = "127.0.0.1"
MOST_CALLS = 64  # connections at the same time, each a process
# Runs in the guest; its stdin and stdout are the connection. What the server closes ends it.
# When the caller has hung up, the server gets a second for the rest of its answer: bash cannot close one direction.
_RELAY = """exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
cat <&0 >&3 & in=$!
cat <&3 & out=$!
exec 3<&- 0<&-
wait -n
if kill -0 $out 2>/dev/null; then sleep 1; kill $out; fi
kill $in 2>/dev/null
"""
LogLine = Callable[[str, str], None]  # a line of the log: message, level
Event = Callable[[Mapping[str, Any]], None]


@dataclass
class Forwarder:
    """The forwards of one guest, served in the loop of its host agent."""

    guest: entering.Guest
    rules: Mapping[int, int]  # guest port -> host port
    log: LogLine
    event: Event
    _open: dict[int, socket.socket | None] = field(default_factory=dict)  # by guest port; None: nothing to listen on
    _outside: dict[int, bool] = field(default_factory=dict)  # by guest port: on this computer's network
    _calls: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, guest: entering.Guest, config: Mapping[str, Any], log: LogLine, event: Event) -> Forwarder:
        """The forwarder for an effective config."""
        return cls(guest, dict(_rules(config)), log, event)

    def serve(self) -> None:
        """Update the forwards to the guest's listeners, and accept waiting connections; does not block."""
        now = listening(self.guest.agent.driver_pid, self.rules) if self.rules else {}
        for port, host in self.rules.items():
            if port in now and port not in self._open:
                self._outside[port] = now[port]
                self._begin(port, host)
            elif port not in now and port in self._open:
                self._end(port, host)
        self._take_calls()
        self._reap()

    def close(self) -> None:
        """Close all forwards."""
        for port in tuple(self._open):
            self._end(port, self.rules[port])

    def _begin(self, port: int, host: int) -> None:
        remote, local = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{host}"
        self.log(f"Forwarding TCP from {remote} to {local}", "info")
        self.event({"type": "forwarding", "protocol": "tcp", "guestAddr": remote, "hostAddr": local})
        if self._outside[port] and port == host:  # it listens there itself
            self._open[port] = None
            return
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setblocking(False)
        self._open[port] = server
        try:
            server.bind((LOOPBACK, host))
            server.listen()
        except OSError:
            server.close()
            self._open[port] = None  # Lima does not try again either
            self.log(f"failed to listen tcp: {local}", "warning")

    def _end(self, port: int, host: int) -> None:
        server = self._open.pop(port)
        if server is not None:
            server.close()
        remote, local = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{host}"
        self.event({"type": "stopping", "protocol": "tcp", "guestAddr": remote, "hostAddr": local})

    def sockets(self) -> list[socket.socket]:
        """The listening sockets, for the agent's select."""
        return [server for server in self._open.values() if server is not None]

    def _take_calls(self) -> None:
        for port, server in self._open.items():
            if server is not None:
                self.take_calls(server, port, is_outside=self._outside[port])

    def take_calls(
        self, server: socket.socket, port: int, *, is_outside: bool, also: Sequence[socket.socket] = ()
    ) -> None:
        """Serve the connections that wait at a socket, each by a process; `also`: more that it must not keep open."""
        while len(self._calls) < MOST_CALLS:
            try:
                call, _ = server.accept()
            except OSError:
                break
            with call:
                self._calls.add(self._carry(call, port, [*self.sockets(), *also], is_outside=is_outside))

    def _carry(self, call: socket.socket, port: int, servers: Sequence[socket.socket], *, is_outside: bool) -> int:
        """Start a process that serves one connection; return its pid."""
        child = os.fork()
        if child == 0:
            code = 1
            with suppress(BaseException):
                call.setblocking(True)
                for server in servers:
                    server.close()  # it must not stay open with a call
                for number in (0, 1):
                    os.dup2(call.fileno(), number)
                os.environ[entering.NETWORK] = "1" if is_outside else ""
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                code = entering.run(self.guest, entering.Order(("bash", "-c", _RELAY, "relay", str(port))))
            os._exit(code)
        return child

    def _reap(self) -> None:
        for child in tuple(self._calls):
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self._calls.discard(child)


def _rules(config: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Guest and host port of each rule for one TCP port on 127.0.0.1; the first match counts."""
    found: dict[int, int] = {}
    for rule in config.get("portForwards") or []:
        guest, host = rule.get("guestPortRange") or [0, 0], rule.get("hostPortRange") or [0, 0]
        if not rule.get("ignore") and guest[0] == guest[1] and rule.get("hostIP") == LOOPBACK:
            found.setdefault(int(guest[0]), int(host[0]))
    return list(found.items())


def listening(pid: int, ports: Collection[int]) -> dict[int, bool]:
    """The TCP ports with a listener in the guest -> whether it uses the host's network.

    `pid` is the guest's first process. A command with DVM_GUEST_NETWORK uses the host's network.
    """
    found = dict.fromkeys(host_ports.ports_of(pid), False)
    sandbox = host_ports.sandbox_of(pid)
    outside = host_ports.listeners([port for port in ports if port not in found]) if sandbox else {}
    found.update({port: True for port, one in outside.items() if one.sandbox == sandbox})
    return {port: is_outside for port, is_outside in found.items() if port in ports}
