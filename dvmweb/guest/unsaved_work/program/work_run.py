"""Runs a program with limits on time and output, and with only the given environment and descriptors."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence

MOST_BYTES = 64 << 20  # of one answer
LATE, LONG, NOT_STARTED = -1001, -1002, -1003  # in place of an exit code


class Done:
    """The exit code and output of a program."""

    __slots__ = ("code", "err", "out")

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out, err

    def complaints(self) -> list[str]:
        """The first lines of stderr."""
        return [os.fsdecode(line) for line in self.err[:65536].split(b"\n") if line.strip()]


def run(argv: Sequence[str], environment: Mapping[str, str], seconds: float, given: bytes = b"") -> Done:
    """Run `argv` (an absolute path) with `given` on stdin. Kills it on too much time (`seconds`) or output."""
    ours: list[int] = []
    try:
        out, err, pid = _start(argv, environment, given, ours)
    except OSError as error:
        return Done(NOT_STARTED, b"", raw_reason(error))
    finally:
        for fd in ours:
            os.close(fd)
    outputs: dict[int, list[bytes]] = {out: [], err: []}
    code = 0
    try:
        code = _collect(outputs, time.monotonic() + seconds)
    finally:
        os.close(out)
        os.close(err)
        if code:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return Done(code or ended, b"".join(outputs[out]), b"".join(outputs[err]))


def raw_reason(error: OSError) -> bytes:
    return (error.strerror or "failed").encode("utf-8", "replace")


def _start(argv: Sequence[str], environment: Mapping[str, str], given: bytes, ours: list[int]) -> tuple[int, int, int]:
    """Start the program; return the read ends of stdout and stderr, and its pid. `ours` gets descriptors to close."""
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
    if given:
        data = os.memfd_create("given", os.MFD_CLOEXEC)
        ours.append(data)
        with open(data, "wb", closefd=False) as file:
            file.write(given)
        os.lseek(data, 0, os.SEEK_SET)
        actions.append((os.POSIX_SPAWN_DUP2, data, 0))
    else:
        actions.append((os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0))
    ends = []
    for number in (1, 2):
        read, write = os.pipe()  # not inherited, except as the copies below
        ends.append(read)
        ours.append(write)
        actions.append((os.POSIX_SPAWN_DUP2, write, number))
    try:
        pid = os.posix_spawn(
            argv[0], tuple(argv), environment, file_actions=actions, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)
        )
    except BaseException:
        for fd in ends:
            os.close(fd)
        raise
    return ends[0], ends[1], pid


def _collect(outputs: dict[int, list[bytes]], until: float) -> int:
    """Read until both pipes are closed. Returns 0, LATE or LONG."""
    poller, is_open, size = select.poll(), set(outputs), 0
    for fd in outputs:
        poller.register(fd, select.POLLIN)
    while is_open:
        left = until - time.monotonic()
        if left <= 0:
            return LATE
        for fd, _ in poller.poll(1000 * left):
            data = os.read(fd, 1 << 16)
            if not data:
                poller.unregister(fd)
                is_open.discard(fd)
            outputs[fd].append(data)
            size += len(data)
        if size > MOST_BYTES:
            return LONG
    return 0
