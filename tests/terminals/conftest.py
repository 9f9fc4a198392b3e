"""A keeper of plain shells in a throwaway home, and a viewer that reads like a person."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from dvmweb.paths import Paths, from_environment
from dvmweb.terminals import client
from dvmweb.terminals.connection import Connection, KeeperGone
from tests.journey.cli import sibling
from tests.places import TOP

ROOT = TOP


@dataclass
class DvmHome:
    """What the client needs of dvmweb.verbs.vms.Vms, and the keeper's process."""

    paths: Paths
    environ: Mapping[str, str]
    keepers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def keeper(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a bare keeper and wait until it listens."""
        process = sibling.Popen(
            (sys.executable, "-P", "-m", "tests.terminals.bare_keeper", *words),
            stdout=subprocess.PIPE,
            env={**self.environ, "PYTHONPATH": str(ROOT)},
        )
        self.keepers.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def viewer(self, terminal: str, offset: int | None = 0, cols: int = 80, rows: int = 24) -> Viewer:
        return Viewer(client.attach(self, terminal, offset, cols, rows))

    def shell(self, vm: str = "app") -> tuple[str, Viewer]:
        terminal = client.open_terminal(self, vm)
        return terminal, self.viewer(terminal)


class Viewer:
    """Reads, and acknowledges what it has read unless told otherwise."""

    def __init__(self, connection: Connection, *, acks: bool = True) -> None:
        self.connection, self.acks = connection, acks
        self.at = int(connection.attached["from"])
        self.said: list[dict[str, Any]] = []  # control messages

    def type(self, text: str) -> None:
        self.connection.send(text.encode())

    def read_until(self, needle: bytes, seconds: float = 10) -> bytes:
        """Read until `needle` has come; fails after `seconds`."""
        got, deadline = b"", time.monotonic() + seconds
        while needle not in got:
            data = self.read(deadline - time.monotonic())
            assert data is not None, f"{needle!r} did not come: {got[-500:]!r}, {self.said}"
            got += data
        return got

    def read(self, seconds: float) -> bytes | None:
        """The next bytes; None where none come in time. Control messages are kept in `said`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self.connection.receive(left)
            if isinstance(message, bytes):
                self.at += len(message)
                self.acknowledge()
                return message
            if message is not None:
                self.hear(message)
        return None

    def acknowledge(self) -> None:
        if self.acks:
            with suppress(KeeperGone):  # its last words may still be on the way
                self.connection.control(do="ack", at=self.at)

    def hear(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        if message["is"] == "skipped":
            self.at = message["from"]
        if message["is"] == "ping":
            self.connection.control(do="pong")

    def wait_for(self, kind: str, seconds: float = 10) -> dict[str, Any]:
        """Read on until a control message of this kind has come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = next((message for message in self.said if message["is"] == kind), None)
            if found is not None:
                self.said.remove(found)
                return found
            message = self.connection.receive(deadline - time.monotonic())
            if isinstance(message, dict):
                self.hear(message)
            elif message:
                self.at += len(message)
                self.acknowledge()
        raise AssertionError(f"no {kind}: {self.said}")

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def dvm_home() -> Iterator[DvmHome]:
    home = Path(tempfile.mkdtemp(prefix="dvm-"))
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "DVM_ENGINE": "demo", "LANG": "C.UTF-8"}
    made = DvmHome(from_environment(environ), environ)
    made.paths.state.mkdir(parents=True, mode=0o700)
    try:
        yield made
    finally:
        for process in made.keepers:
            end(process)
        shutil.rmtree(home, ignore_errors=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a keeper and everything that it started."""
    children = []
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    finally:
        for child in children:
            with suppress(psutil.NoSuchProcess):  # it ends with its keeper, often at this very moment
                child.kill()
        if process.poll() is None:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()


def eventually(check: Callable[[], bool], seconds: float = 10) -> None:
    """Fail unless `check` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
