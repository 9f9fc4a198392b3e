"""A `dvm` that has its modules in memory: each command is a fork of it, a process of its own without their imports.

Run as a program it is the server: it takes one command per connection, with the descriptors that it shall have.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.journey.cli import forking
from tests.journey.cli.modules import MODULES

MOST = 1 << 20  # bytes of a request


@dataclass(frozen=True)
class Begun:
    """A process that was begun, as far as `jobs.starting` knows it."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    line: socket.socket

    def wait(self) -> int:
        return int(self.line.recv(16))


@dataclass(frozen=True)
class Started:
    """A `dvm` that was started: a process of its own, whose output is in files."""

    words: tuple[str, ...]
    pid: int
    line: socket.socket
    out: IO[bytes]
    err: IO[bytes]

    def ends(self, timeout: float) -> tuple[int, str, str]:
        """Wait for its exit code (negative: the signal), output and errors; kill it at the time-out."""
        self.line.settimeout(timeout)
        try:
            code = int(self.line.recv(16))
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(("dvm", *self.words), timeout) from None
        with self.line, self.out, self.err:
            return code, _text(self.out), _text(self.err)


class WarmProcess:
    """The server, started at the first use; one for all tests of a worker."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, words: Sequence[str], environ: Mapping[str, str], stdin: str, timeout: float) -> tuple[int, str, str]:
        """Run `dvm` to its end: its exit code (negative: the signal), output and errors."""
        return self.start(words, environ, stdin).ends(timeout)

    def start(
        self, words: Sequence[str], environ: Mapping[str, str], stdin: str = "", module: str = "dvmweb"
    ) -> Started:
        """Start `dvm`, or another program of ours, and leave it running."""
        given, out, err = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115
        with given:
            given.write(stdin.encode())
            given.seek(0)
            files = {0: given.fileno(), 1: out.fileno(), 2: err.fileno()}
            line = self._begin(module, words, environ, files, str(Path.cwd()))
        return Started(tuple(words), int(line.recv(16)), line, out, err)

    def popen(self, argv: Sequence[str], **given: Any) -> Begun:
        """What `jobs.starting` asks of Popen: a process with pipes as stdin and stdout, in a session of its own."""
        ours_in, theirs_in = (os.fdopen(end, mode) for end, mode in zip(reversed(os.pipe()), ("wb", "rb"), strict=True))
        ours_out, theirs_out = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        files = {0: theirs_in.fileno(), 1: theirs_out.fileno(), 2: given["stderr"]}
        files |= {number: number for number in given["pass_fds"]}
        line = self._begin(argv[3], argv[4:], given["env"], files, given["cwd"])
        line.recv(16)
        theirs_in.close()
        theirs_out.close()
        return Begun(ours_in, ours_out, line)

    def _begin(
        self, module: str, words: Sequence[str], environ: Mapping[str, str], files: Mapping[int, int], cwd: str
    ) -> socket.socket:
        self._start()
        numbers = list(files)
        request = {"module": module, "words": list(words), "environ": dict(environ), "cwd": cwd, "numbers": numbers}
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(self._address)
        socket.send_fds(line, [json.dumps(request).encode()], list(files.values()))
        line.shutdown(socket.SHUT_WR)
        return line

    def _start(self) -> None:
        if self._server is not None:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="dvm-warm-")
        self._server = subprocess.Popen(
            (sys.executable, "-P", "-m", "tests.journey.cli.warm_process", self._address),
            env={"PYTHONPATH": str(self._root), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def end(self) -> None:
        """End it; who needs one after that, at the end of another fixture, starts it again."""
        if self._server is not None and self._folder is not None:
            self._server.communicate()  # the end of its stdin is the end of it
            self._folder.cleanup()
        self._server = self._folder = None

    @property
    def _address(self) -> str:
        assert self._folder is not None
        return str(Path(self._folder.name) / "socket")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def serve(address: str) -> None:
    """Fork for each connection until stdin ends; returns in the process that is to be the command."""
    for name in MODULES:
        __import__(name)
    forking.install()
    gc.collect()
    gc.freeze()  # a fork that looks through all objects would copy them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who watch
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(16)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            sys.exit(0)
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _watch(line)
            return
        line.close()


def _watch(line: socket.socket) -> None:
    """Fork the command and report its process and its exit code; returns in the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, _, _ = socket.recv_fds(line, MOST, 8)
    while piece := line.recv(MOST):
        text += piece
    request = json.loads(text)
    pid = os.fork()
    if pid:
        for file in files:
            os.close(file)
        _send(line, pid)
        _, status = os.waitpid(pid, 0)
        _send(line, os.waitstatus_to_exitcode(status))
        os._exit(0)
    line.close()
    if request["module"] != "dvmweb":
        os.setsid()
    high = [fcntl.fcntl(file, fcntl.F_DUPFD, 500) for file in files]  # none is overwritten before it has its number
    os.closerange(3, 500)
    for file, number in zip(high, request["numbers"], strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.orig_argv = [sys.executable, "-P", "-m", request["module"], *request["words"]]
    sys.argv = ["", *request["words"]]


def _send(line: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        line.send(f"{number}".ljust(16).encode())


if __name__ == "__main__":
    serve(sys.argv[1])
    forking.run(sys.orig_argv[3])
