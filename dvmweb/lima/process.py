"""Runs a program with a deadline and a way to cancel; collects its output and leaves no process behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dvmweb.errors import DvmError
from dvmweb.lima.progress_bar import BarReader, terminal
from dvmweb.lima.script_payload import is_guest_script

MAX_STDOUT = 4_000_000  # bytes kept; the rest is dropped and `truncated` is set
MAX_STDERR = 64_000  # bytes kept, the last ones
POLL = 0.05  # seconds between two checks of the clock, the child and the cancel event
PATIENCE = 3.0  # seconds between INT, TERM and KILL
PIPE_GRACE = 0.2  # seconds to keep reading from a pipe that another process has open (an ssh master does)
CHUNK = 65536
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

EXIT, SIGNAL, DEADLINE, CANCELLED = "exit", "signal", "deadline", "cancelled"


@dataclass(frozen=True)
class Finished:
    """How a program ended, and its output."""

    argv: tuple[str, ...]
    code: int  # its exit code; 128 + n if signal n ended it
    stdout: bytes
    stderr: bytes
    seconds: float
    ended: str = EXIT  # "exit", "signal", "deadline" or "cancelled"
    truncated: bool = False
    began_after: float = 0.0  # seconds until its first output on stdout; 0 for no output

    @property
    def is_ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.code == 0 and self.ended == EXIT


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    stdin: bytes | int = b"",
    on_output: Callable[[bytes], None] | None = None,
    on_stdout: Callable[[bytes], None] | None = None,
    cancelled: threading.Event | None = None,
    on_started: Callable[[int], None] | None = None,
    cwd: Path | None = None,
    max_stdout: int = MAX_STDOUT,
    hold_stdin: bool | None = None,
    bars: BarReader | None = None,
) -> Finished:
    """Run `argv` in its own process group for at most `timeout` seconds; stdout and stderr also go to `on_output`.

    `stdin`: its input, or a descriptor to read it from. At the deadline, or when `cancelled` is set, the group gets
    INT, TERM and KILL, three seconds apart. With `hold_stdin` (the default for a guest script) stdin stays open until
    the child has ended, because its end means to the guest that dvm has ended. With `bars` its stderr is a terminal,
    so that it draws its progress bars, and `bars` reads them. Raises DvmError if the program cannot be started.
    """
    began = time.monotonic()
    hold = is_guest_script(argv) if hold_stdin is None else hold_stdin
    child, errors = _spawn(argv, env, cwd, stdin, is_terminal=bars is not None)
    talk = _Exchange(
        child, errors, b"" if isinstance(stdin, int) else stdin, on_output, on_stdout, max_stdout, hold, bars
    )
    try:
        if on_started is not None:
            on_started(child.pid)
        talk.follow(began + timeout, cancelled)
    finally:
        talk.close()
    ended = talk.ended or (SIGNAL if child.returncode < 0 else EXIT)
    code = 128 - child.returncode if child.returncode < 0 else child.returncode
    stdout, stderr = bytes(talk.stdout), bytes(talk.stderr[-MAX_STDERR:])
    seconds, first = time.monotonic() - began, talk.first_at - began if talk.first_at else 0.0
    return Finished(tuple(argv), code, stdout, stderr, seconds, ended, talk.truncated, first)


def attach(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run `argv` on this terminal and return its exit code (128 + n for signal n); Ctrl-C goes to the child.

    Call it from the main thread. Raises DvmError if the program cannot be started.
    """
    with _interrupts_left_to_the_child():
        try:
            child = subprocess.Popen(tuple(argv), env=dict(env))
        except OSError as error:
            raise _not_started(argv, error) from error
        code = child.wait()
    return 128 - code if code < 0 else code


def end_group(group: int) -> None:
    """End a process group that another dvm process left behind: INT, TERM, KILL. Returns when it has ended."""
    for number in SIGNALS:
        with suppress(PermissionError):  # macOS refuses a group of zombies with EPERM
            try:
                os.killpg(group, number)
                _wait_for_group(group)
            except ProcessLookupError:
                return


def _wait_for_group(group: int) -> None:
    """Wait at most PATIENCE seconds. Raises ProcessLookupError once the group is empty."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        os.killpg(group, 0)
        time.sleep(POLL)


@contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    # A handler, not SIG_IGN: an ignored signal would stay ignored in the child.
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _spawn(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, stdin: bytes | int, *, is_terminal: bool
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """The child, and where its stderr is read."""
    ours, theirs = terminal() if is_terminal else (-1, subprocess.PIPE)
    try:
        child = subprocess.Popen(
            tuple(argv),
            stdin=stdin if isinstance(stdin, int) else subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=dict(env),
            cwd=cwd,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        if ours >= 0:
            os.close(ours)
        raise _not_started(argv, error) from error
    finally:
        if theirs >= 0:
            os.close(theirs)
    return child, child.stderr or os.fdopen(ours, "rb", buffering=0)


def _not_started(argv: Sequence[str], error: Exception) -> DvmError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DvmError(f"{argv[0]} cannot be run: {reason}.", "Check that the program exists and that you can run it.")


@dataclass
class _Exchange:
    """A running child and its pipes."""

    child: subprocess.Popen[bytes]
    errors: IO[bytes]  # its stderr
    stdin: bytes
    on_output: Callable[[bytes], None] | None
    on_stdout: Callable[[bytes], None] | None
    max_stdout: int
    hold: bool
    bars: BarReader | None = None  # its stderr is a terminal
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    ended: str = ""  # set if dvm ends it
    gone_at: float = 0.0  # when the child was first seen to have ended
    first_at: float = 0.0  # when its first output came

    def __post_init__(self) -> None:
        self.unsent = memoryview(self.stdin)
        self.selector = selectors.DefaultSelector()
        for pipe, events in ((self.child.stdout, 1), (self.errors, 1), (self.child.stdin, 2)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self.selector.register(pipe, events)

    def follow(self, deadline: float, cancelled: threading.Event | None) -> None:
        """Exchange bytes until the child has ended or was ended."""
        signals, due = list(SIGNALS), 0.0
        while not self._is_over(all_signals_sent=not signals):
            self._exchange()
            now = time.monotonic()
            if not self.ended and not self.gone_at:
                is_cancelled = cancelled is not None and cancelled.is_set()
                self.ended = CANCELLED if is_cancelled else DEADLINE if now >= deadline else ""
                due = now
            if self.ended and signals and now >= due:
                self._signal_group(signals.pop(0))
                due = now + (PATIENCE if not self.gone_at else PIPE_GRACE * 2)

    def _is_over(self, *, all_signals_sent: bool) -> bool:
        if not self.gone_at and _has_ended(self.child):
            self.gone_at = time.monotonic()
        if not self.gone_at:
            return False
        is_silent = self.child.stdout not in self._open() and self.errors not in self._open()
        is_grace_over = time.monotonic() - self.gone_at > PIPE_GRACE
        return is_silent or (is_grace_over and (not self.ended or all_signals_sent))

    def _open(self) -> set[object]:
        return {key.fileobj for key in self.selector.get_map().values()}

    def _exchange(self) -> None:
        if not self._open():
            time.sleep(0.002)  # it has closed its pipes; it is about to end, or continues without output
        for key, _ in self.selector.select(POLL if self._open() else 0):
            if key.fileobj is self.child.stdin:
                self._send()
            else:
                self._receive(key.fileobj)  # type: ignore[arg-type]

    def _send(self) -> None:
        pipe = self.child.stdin
        assert pipe is not None  # noqa: S101
        try:
            self.unsent = self.unsent[os.write(pipe.fileno(), self.unsent[:CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:  # the child has closed its stdin
            self.unsent = self.unsent[:0]
        if not self.unsent:
            self.selector.unregister(pipe)
            if not self.hold:
                pipe.close()

    def _receive(self, pipe: IO[bytes]) -> None:
        try:
            data = os.read(pipe.fileno(), CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal that no process has open any more, on Linux
            data = b""
        if not data:
            self.selector.unregister(pipe)
            pipe.close()
        elif pipe is self.errors:
            self._add_error(self.bars.read(data) if self.bars else data)
        else:
            self.first_at = self.first_at or time.monotonic()
            room = self.max_stdout - len(self.stdout)
            self.stdout += data[:room]
            self.truncated = self.truncated or len(data) > room
            if self.on_stdout is not None:
                self.on_stdout(data)
            if self.on_output is not None:
                self.on_output(data)

    def _add_error(self, data: bytes) -> None:
        self.stderr += data
        if len(self.stderr) > 2 * MAX_STDERR:
            del self.stderr[:-MAX_STDERR]
        if self.on_output is not None and data:
            self.on_output(data)

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of zombies with EPERM
            os.killpg(self.child.pid, number)

    def close(self) -> None:
        """Close the pipes and reap the child; kill its whole group if it was ended or the caller failed."""
        if self.ended or not self.gone_at:
            self._signal_group(signal.SIGKILL)
        if self.bars:
            self._add_error(self.bars.end())
        self.selector.close()
        for pipe in (self.child.stdin, self.child.stdout, self.errors):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.child.wait()


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended; not reaped if possible, as the zombie keeps its group number from being reused."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return child.poll() is not None
