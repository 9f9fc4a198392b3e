"""One program on its own pty: the only user of pexpect. Nothing here blocks, except the fork itself."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pexpect

from dvmweb.errors import DvmError
from dvmweb.terminals.keeper.flow import Size

INPUT = 1 << 20  # bytes of input buffered for a program that does not read; more is refused


class PtyChild:
    """A program, the leader of its session, and the descriptor of its pty."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], size: Size) -> None:
        """Start it in `/`. Raises DvmError where that fails."""
        try:
            spawned: Any = pexpect.spawn(
                argv[0],
                list(argv[1:]),
                env=dict(env),
                cwd="/",
                timeout=None,
                dimensions=(size.rows, size.cols),
            )
        except (OSError, pexpect.ExceptionPexpect) as error:
            raise DvmError(
                f"The terminal could not be opened: {error}.", "Close other terminals and try again."
            ) from error
        self._spawn = spawned
        self._spawn.delaybeforesend = None
        self.pid: int = self._spawn.pid
        self.descriptor: int = self._spawn.child_fd
        self.waiting = bytearray()  # input that the program has not read yet
        os.set_blocking(self.descriptor, False)

    def read_into(self, room: list[memoryview]) -> int:
        """Read what is available; 0 means that the pty has ended, BlockingIOError that nothing is available now."""
        try:
            return os.readv(self.descriptor, room)
        except OSError as error:
            if error.errno == errno.EIO:  # on Linux: the last program has closed the pty
                return 0
            raise

    def write(self, data: bytes) -> bool:
        """Write input now or when the program reads; False: too much is buffered, and nothing was accepted."""
        if len(self.waiting) + len(data) > INPUT:
            return False
        self.waiting += data
        self.write_waiting()
        return True

    def write_waiting(self) -> None:
        """Write as much buffered input as the pty accepts."""
        with suppress(BlockingIOError, OSError):
            while self.waiting:
                del self.waiting[: os.write(self.descriptor, self.waiting[:65536])]

    def resize(self, size: Size) -> None:
        """Resize the pty (the program gets SIGWINCH), unless it is closed."""
        if self.descriptor < 0:
            return
        with suppress(OSError):
            fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.cols, 0, 0))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program's process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def ended(self) -> int | None:
        """The exit code (128 + n for signal n), None while it runs; the rest of its process group is killed."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.signal(signal.SIGKILL)  # the zombie still holds the PID, so it is the right group
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        """Close the pty: the kernel sends SIGHUP. pexpect's own close would sleep."""
        if self.descriptor >= 0:
            self._spawn.ptyproc.fileobj.close()
            self._spawn.ptyproc.closed = self._spawn.closed = True
            self.descriptor = self._spawn.child_fd = -1
