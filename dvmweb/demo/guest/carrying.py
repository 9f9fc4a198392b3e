"""Copies bytes between the caller's terminal and the guest's own terminal or pipes; the guest never gets the former."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import tty
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from dvmweb.demo.guest import linux

QUIET = 0.3  # seconds without output after the command has ended
PIECE = 65536  # bytes buffered per direction before reading pauses
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_WATCHED = (*ENDING, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT)


@dataclass
class Lane:
    """A buffered copy from one descriptor to another."""

    source: int
    target: int
    held: bytearray = field(default_factory=bytearray)
    has_ended: bool = False  # the source or the target is closed

    def fill(self) -> bool:
        """Read from the source; return False if there is nothing to read now."""
        try:
            data = os.read(self.source, PIECE)
        except BlockingIOError:
            return False
        except OSError:  # the other side of a terminal or pipe is closed
            data = b""
        self.held += data
        self.has_ended = not data
        return bool(data)

    def flush(self) -> None:
        """Write to the target as much as it accepts now."""
        try:
            del self.held[: os.write(self.target, self.held)]
        except BlockingIOError:
            pass
        except OSError:
            self.held.clear()
            self.has_ended = True


@dataclass
class Ends:
    """The first three descriptors of a command in a guest, and the copies from and to them."""

    inside: list[int] = field(default_factory=lambda: [0, 1, 2])
    inward: list[Lane] = field(default_factory=list)
    outward: list[Lane] = field(default_factory=list)
    terminal: int = -1  # our side of the guest's terminal, -1 for none


def outer_descriptors() -> list[int]:
    """Our first three descriptors; terminals are opened again, as non-blocking.

    Call it before the caller's privileges and /dev are given up.
    """
    return [_reopened(number) if os.isatty(number) else number for number in (0, 1, 2)]


def _reopened(number: int) -> int:
    flags = (os.O_RDONLY if number == 0 else os.O_WRONLY) | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:  # O_NONBLOCK on the original descriptor would also affect the caller's shell
        return os.open(os.ttyname(number), flags)
    except OSError:  # in a container, a terminal often has no name
        return os.dup(number)


def terminal_ends(outer: list[int]) -> Ends:
    """A new terminal of the guest, with the size and modes of ours. Call it inside the guest's mount namespace.

    Raises OSError if the guest has no usable /dev/ptmx.
    """
    ours, theirs = linux.open_terminal()
    os.set_blocking(ours, False)
    with suppress(termios.error):
        termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0))
    copy_size(ours)
    return Ends([theirs] * 3, [Lane(outer[0], ours)], [Lane(ours, outer[1])], ours)


def plain_ends(outer: list[int]) -> Ends:
    """Our descriptors, with a pipe instead of each terminal."""
    ends = Ends()
    for number in (0, 1, 2):
        if os.isatty(number):
            output, entry = os.pipe()
            ends.inside[number] = output if number == 0 else entry
            os.set_blocking(entry if number == 0 else output, False)
            lane = Lane(outer[0], entry) if number == 0 else Lane(output, outer[number])
            (ends.inward if number == 0 else ends.outward).append(lane)
    return ends


def copy_size(terminal: int) -> None:
    """Set a terminal to the size of the one on our stdin."""
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0)))


def watch_signals() -> int:
    """A descriptor on which each handled signal is a byte; call it before the command starts."""
    ours, theirs = os.pipe()
    for descriptor in (ours, theirs):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in _WATCHED:
        if number not in ENDING or signal.getsignal(number) is not signal.SIG_IGN:  # respect nohup
            signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # the modes are restored from the background too
    return ours


def carry(ends: Ends, child: int, signals: int) -> int:
    """Copy until `child`, a session leader, has ended; return its wait status.

    A signal that ends us first ends the child's process group.
    """
    for descriptor in set(ends.inside) - {0, 1, 2}:
        os.close(descriptor)
    modes = termios.tcgetattr(0) if ends.terminal >= 0 else None
    try:
        if modes is not None:
            tty.setraw(0, termios.TCSANOW)
        return _until_ended(ends, child, signals)
    finally:
        if modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, modes)


class Ended(Exception):
    """A signal that ends us was received, or the caller's terminal was closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _until_ended(ends: Ends, child: int, signals: int) -> int:
    try:
        while True:
            readable, writable = _ready(ends, signals)
            for lane in (*ends.inward, *ends.outward):
                if lane.source in readable and not lane.has_ended:
                    lane.fill()
                if lane.target in writable:
                    lane.flush()
            _close_inward(ends)
            if signals in readable and (status := _handle(os.read(signals, PIECE), ends, child)) is not None:
                _drain(ends.outward)
                return status
    except Ended:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGHUP)
        raise


def _ready(ends: Ends, signals: int) -> tuple[list[int], list[int]]:
    lanes = (*ends.inward, *ends.outward)
    sources = [lane.source for lane in lanes if not lane.has_ended and len(lane.held) < PIECE]
    targets = [lane.target for lane in lanes if lane.held]
    readable, writable, _ = select.select([signals, *sources], targets, [])
    return readable, writable


def _close_inward(ends: Ends) -> None:
    for lane in [lane for lane in ends.inward if lane.has_ended and not lane.held]:
        if ends.terminal >= 0:
            raise Ended(signal.SIGHUP)
        os.close(lane.target)
        ends.inward.remove(lane)


def _handle(numbers: Iterable[int], ends: Ends, child: int) -> int | None:
    for number in numbers:
        if number in ENDING:
            raise Ended(number)
        if ends.terminal >= 0 and number in (signal.SIGWINCH, signal.SIGCONT):
            copy_size(ends.terminal)
        if ends.terminal >= 0 and number == signal.SIGCONT:
            tty.setraw(0, termios.TCSANOW)
    pid, status = os.waitpid(child, os.WNOHANG)
    return status if pid else None


def _drain(lanes: list[Lane]) -> None:
    """Write the remaining output. It does not wait for EOF: processes left in the guest can keep a pipe open."""
    for lane in lanes:
        _write_out(lane)
        # The kernel delivers terminal output with a delay: nothing to read does not mean that all was read.
        while not lane.has_ended and select.select([lane.source], [], [], QUIET)[0]:
            lane.fill()
            _write_out(lane)


def _write_out(lane: Lane) -> None:
    while lane.held:
        select.select([], [lane.target], [])
        lane.flush()
