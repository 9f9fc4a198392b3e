"""One program on a pty of its own: the only user of pexpect. Nothing here waits, except for the fork itself."""

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
from dvmweb.terminals.flow import Size

INPUT = 1 << 20  # bytes of input that wait for a program which does not read; what is over is refused


class PtyChild:
    """A program, the leader of its session, and the descriptor of its pty."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], size: Size) -> None:
        """Start it in `/`. Raises DvmError when it cannot be started."""
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
                f"The terminal could not be opened: {error}.", "Close other terminals, and retry."
            ) from error
        self._spawn = spawned
        self._spawn.delaybeforesend = None
        self.pid: int = self._spawn.pid
        self.descriptor: int = self._spawn.child_fd
        self.waiting = bytearray()  # input that the program has not taken yet
        os.set_blocking(self.descriptor, False)

    def read_into(self, room: list[memoryview]) -> int:
        """Read what there is; 0 means that the pty has ended, BlockingIOError that nothing is there now."""
        try:
            return os.readv(self.descriptor, room)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux says so when the last program has let go of the pty
                return 0
            raise

    def write(self, data: bytes) -> bool:
        """Give input to the program, now or when it reads; False: too much waits, and nothing was taken."""
        if len(self.waiting) + len(data) > INPUT:
            return False
        self.waiting += data
        self.write_waiting()
        return True

    def write_waiting(self) -> None:
        """Give what waits, as far as the pty takes it."""
        with suppress(BlockingIOError, OSError):
            while self.waiting:
                del self.waiting[: os.write(self.descriptor, self.waiting[:65536])]

    def resize(self, size: Size) -> None:
        """Tell the program its new size (SIGWINCH), where it still has its pty."""
        if self.descriptor < 0:
            return
        with suppress(OSError):
            fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.cols, 0, 0))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program's group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def ended(self) -> int | None:
        """Its exit code (128 + n where signal n ended it), None while it runs; what it left in its group is killed."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.signal(signal.SIGKILL)  # its pid is still held by the zombie, so this is no stranger's group
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        """Let go of the pty: the kernel sends SIGHUP. pexpect's own close would sleep."""
        if self.descriptor >= 0:
            self._spawn.ptyproc.fileobj.close()
            self._spawn.ptyproc.closed = self._spawn.closed = True
            self.descriptor = self._spawn.child_fd = -1
