"""Programs of ours for a process with threads, which cannot fork: a helper process forks them in its place.

The helper has their modules in memory and makes each program with CLONE_PARENT: it is a child of the process that
asked, which waits for it and signals it like any other. Only on Linux; elsewhere, and for other programs, it is Popen.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from tests.journey.cli import forking
from tests.journey.cli.modules import MODULES
from tests.places import TOP

CLONE_PARENT = 0x8000
CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine(), 0) if sys.platform == "linux" else 0  # its number
MOST = 1 << 17  # bytes of a request
ABOVE = 1000  # where descriptors wait for their numbers


class _Helper:
    """The helper, started at the first use; it ends with the process that started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def start(self, asked: dict[str, Any]) -> int:
        """Start a program with what Popen was asked for; its process id."""
        streams = [asked[name] if asked[name] != -1 else number for number, name in forking.STREAMS]
        names = ("args", "cwd", "env", "start_new_session")
        request = {name: asked[name] for name in names} | {"pass_fds": list(asked["pass_fds"])}
        request["env"] = dict(os.environ if asked["env"] is None else asked["env"])
        with self._lock:
            line = self._line = self._line or _begin()
            socket.send_fds(line, [json.dumps(request, default=str).encode()], [*streams, *asked["pass_fds"]])
            return int(line.recv(16))


def _begin() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "tests.journey.cli.sibling", str(theirs.fileno())),
            env={"PYTHONPATH": str(TOP), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    process.returncode = 0  # nobody waits for it
    return ours


_HELPER = _Helper()


class Popen(subprocess.Popen[Any]):
    """Popen that leaves `python FLAG -m MODULE ...`, one of ours, to the helper."""

    def _execute_child(self, *given: Any) -> None:
        asked = forking.named(given)
        if not CLONE or not forking.is_ours(asked):
            super()._execute_child(*given)  # type: ignore[misc]
            return
        self.pid = _HELPER.start(asked)
        self._child_created = True
        forking.close_ends(self, asked)


def serve(number: int) -> None:
    """Start what is asked for, until nobody can ask."""
    for name in MODULES:
        __import__(name)
    forking.install()
    gc.collect()
    gc.freeze()
    line = socket.socket(fileno=number)
    libc = ctypes.PyDLL(None)
    while True:
        text, files, _, _ = socket.recv_fds(line, MOST, 64)
        if not text:
            os._exit(0)
        pid = int(libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
        if pid == 0:
            random.seed()
            _be(json.loads(text), files)
        for file in files:
            os.close(file)
        line.send(str(pid).encode())


def _be(request: dict[str, Any], files: list[int]) -> None:
    """Give each descriptor its number, and become the program."""
    waiting = [fcntl.fcntl(file, fcntl.F_DUPFD, ABOVE) for file in files]
    os.closerange(3, ABOVE)
    for number, file in zip(request["pass_fds"], waiting[3:], strict=True):
        os.dup2(file, number)
    streams = {name: waiting[number] for number, name in forking.STREAMS}
    forking.become(request | streams)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
