"""Terminals that are measured: ours through the whole path, terminado, ttyd, and a bare pty."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import websocket

FIRST = "vm00"  # the VM whose terminals are measured
ACK = 65536  # bytes after which our browser side says how far it is
FILL = b"stty -echo; PS1=; echo REA''DY\n"
RAW = b"stty raw -echo; echo RA''W; exec cat\n"
# The client must not be what is measured: its check of UTF-8 is Python, byte by byte.
PLAIN: dict[str, Any] = {"sockopt": [(socket.SOL_TCP, 1, 1)], "skip_utf8_validation": True}


class Dashboard(Protocol):
    """A dashboard that runs, and a session of it."""

    origin: str
    cookie: str

    def ask(self, path: str, **form: str) -> str: ...


class Wire(Protocol):
    """One terminal, however it is reached."""

    def send(self, data: bytes) -> None: ...

    def receive(self) -> bytes: ...

    def close(self) -> None: ...


@dataclass
class Ours:
    """A terminal of the dashboard, through login, ticket, WebSocket, keeper and `limactl shell`."""

    dashboard: Dashboard
    vm: str = FIRST
    at: int = 0
    acked: int = 0
    id: str = ""
    csrf: str = ""
    ws: websocket.WebSocket = field(init=False)

    def __post_init__(self) -> None:
        page = self.dashboard.ask(f"/vms/{self.vm}/terminal")
        found = re.search(r'data-csrf="([^"]+)"', page)
        assert found is not None
        self.csrf = found[1]
        size = {"cols": "80", "rows": "24"}
        given = json.loads(self.dashboard.ask(f"/vms/{self.vm}/terminal/ticket", csrf=self.csrf, **size))
        self.id = given["id"]
        address = f"ws{self.dashboard.origin[4:]}{given['socket']}?ticket={given['ticket']}"
        self.ws = websocket.create_connection(
            address, cookie=self.dashboard.cookie, origin=self.dashboard.origin, **PLAIN
        )
        self.at = self.acked = json.loads(self.ws.recv())["from"]

    def send(self, data: bytes) -> None:
        self.ws.send_binary(data)

    def receive(self) -> bytes:
        code, data = self.ws.recv_data()
        if code != websocket.ABNF.OPCODE_BINARY:
            return b""
        self.at += len(data)
        if self.at - self.acked >= ACK:
            self.acked = self.at
            self.ws.send(json.dumps({"do": "ack", "at": self.at}))
        return bytes(data)

    def close(self) -> None:
        self.ws.close()
        self.dashboard.ask(f"/terminals/{self.id}/close", csrf=self.csrf, sure="1")  # else it would go on


@dataclass
class Terminado:
    """A terminal of terminado (PyPI), as Jupyter serves them."""

    address: str
    ws: websocket.WebSocket = field(init=False)

    def __post_init__(self) -> None:
        self.ws = websocket.create_connection(self.address, **PLAIN)

    def send(self, data: bytes) -> None:
        self.ws.send(json.dumps(["stdin", data.decode("latin1")]))

    def receive(self) -> bytes:
        kind, *rest = json.loads(self.ws.recv())
        return str(rest[0]).encode() if kind == "stdout" else b""

    def close(self) -> None:
        self.ws.close()


@dataclass
class Ttyd(Terminado):
    """A terminal of ttyd, where it is installed."""

    def __post_init__(self) -> None:
        self.ws = websocket.create_connection(self.address, subprotocols=["tty"], **PLAIN)
        self.ws.send_binary(json.dumps({"AuthToken": "", "columns": 80, "rows": 24}).encode())

    def send(self, data: bytes) -> None:
        self.ws.send_binary(b"0" + data)

    def receive(self) -> bytes:
        _, data = self.ws.recv_data()
        return bytes(data[1:]) if data[:1] == b"0" else b""


class Pty:
    """A plain local pty: what the kernel and this program cost."""

    def __init__(self) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv("/bin/bash", ["bash", "--norc"])  # noqa: S606

    def send(self, data: bytes) -> None:
        os.write(self.fd, data)

    def receive(self) -> bytes:
        return os.read(self.fd, 65536)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def until(wire: Wire, needle: bytes) -> int:
    """Read until the needle came; how many bytes that were."""
    tail, total = b"", 0
    while needle not in tail:
        data = wire.receive()
        total += len(data)
        tail = tail[-len(needle) :] + data  # a flood may follow it in the same piece
    return total


def echo(wire: Wire, key: bytes) -> float:
    """Milliseconds until a key comes back."""
    began = time.perf_counter()
    wire.send(key)
    until(wire, key)
    return 1000 * (time.perf_counter() - began)


def measure(wire: Wire, size: int, keys: int) -> tuple[float, float, float]:
    """MB/s of `size` bytes of 80-column lines, then p50 and p99 of the echo of single keys in milliseconds."""
    wire.send(FILL)
    until(wire, b"READY")
    began = time.perf_counter()
    wire.send(f"yes {'x' * 79} | head -c {size}; echo D''ONE\n".encode())
    speed = until(wire, b"DONE") / (time.perf_counter() - began) / 1e6
    wire.send(RAW)
    until(wire, b"RAW")
    time.sleep(0.3)
    echoes = []
    for number in range(keys):
        echoes.append(echo(wire, b"abcdefghij"[number % 10 :][:1]))
        time.sleep(0.002)
    echoes.sort()
    return speed, statistics.median(echoes), echoes[int(0.99 * keys) - 1]


SERVE_TERMINADO = """
import sys, tornado.httpserver, tornado.ioloop, tornado.netutil, tornado.web, terminado
sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
terminals = terminado.UniqueTermManager(shell_command=["bash", "--norc"])
app = tornado.web.Application([("/websocket", terminado.TermSocket, {"term_manager": terminals})])
tornado.httpserver.HTTPServer(app).add_sockets(sockets)
print(sockets[0].getsockname()[1], flush=True)
tornado.ioloop.IOLoop.current().start()
"""


@dataclass(frozen=True)
class Other:
    """A way to terminals that is not ours, and the process that serves them (0: this one)."""

    connect: Callable[[], Wire]
    server: int = 0


@contextmanager
def others() -> Iterator[dict[str, Other]]:
    """What we are measured against, as far as it is here."""
    found: dict[str, Other] = {}
    started = []
    argv = [sys.executable, "-c", SERVE_TERMINADO]
    one = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    started.append(one)
    assert one.stdout is not None
    if port := one.stdout.readline().strip():
        found["terminado"] = Other(lambda: Terminado(f"ws://127.0.0.1:{port}/websocket"), one.pid)
    else:
        print("terminado is not installed (make setup installs it): left out")
    if program := shutil.which("ttyd"):
        ttyd_port = 7000 + os.getpid() % 1000
        ttyd = [program, "-W", "-i", "127.0.0.1", "-p", str(ttyd_port), "bash", "--norc"]
        started.append(subprocess.Popen(ttyd, stderr=subprocess.DEVNULL, text=True))
        time.sleep(1)
        found["ttyd"] = Other(lambda: Ttyd(f"ws://127.0.0.1:{ttyd_port}/ws"), started[-1].pid)
    else:
        print("ttyd is not on this computer: left out")
    found["plain pty"] = Other(Pty)
    try:
        yield found
    finally:
        for process in started:
            process.terminate()
            process.wait()
