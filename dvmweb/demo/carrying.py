"""Carry bytes between the caller's terminal and what a guest has in its place: it never gets hold of the terminal."""

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

from dvmweb.demo import linux

QUIET = 0.3  # seconds without output after the command has ended
PIECE = 65536  # bytes held at most on one way before its source has to wait
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_WATCHED = (*ENDING, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT)


@dataclass
class Lane:
    """Bytes on their way from one descriptor to another."""

    source: int
    target: int
    held: bytearray = field(default_factory=bytearray)
    has_ended: bool = False  # the source gives nothing more, or the target takes nothing more

    def fill(self) -> bool:
        """Take what the source has; return False when there was nothing just now."""
        try:
            data = os.read(self.source, PIECE)
        except BlockingIOError:
            return False
        except OSError:  # the other side of a terminal or pipe has gone
            data = b""
        self.held += data
        self.has_ended = not data
        return bool(data)

    def flush(self) -> None:
        """Give the target what it takes just now."""
        try:
            del self.held[: os.write(self.target, self.held)]
        except BlockingIOError:
            pass
        except OSError:
            self.held.clear()
            self.has_ended = True


@dataclass
class Ends:
    """What a command in a guest gets as its first three descriptors, and the ways that lead there."""

    inside: list[int] = field(default_factory=lambda: [0, 1, 2])
    inward: list[Lane] = field(default_factory=list)
    outward: list[Lane] = field(default_factory=list)
    terminal: int = -1  # our side of the guest's own terminal, where it has one


def outer_descriptors() -> list[int]:
    """Our first three descriptors; of terminals new descriptions, which may be told not to block.

    Call it while the caller's own rights and /dev are there.
    """
    return [_reopened(number) if os.isatty(number) else number for number in (0, 1, 2)]


def _reopened(number: int) -> int:
    flags = (os.O_RDONLY if number == 0 else os.O_WRONLY) | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:  # O_NONBLOCK on the descriptor itself would be seen by the caller's shell too
        return os.open(os.ttyname(number), flags)
    except OSError:  # a container's terminal often has no name inside it
        return os.dup(number)


def terminal_ends(outer: list[int]) -> Ends:
    """A terminal of the guest's own, with the size and the modes of ours. Call it among the guest's files.

    Raises OSError where the guest has no /dev/ptmx of the right kind.
    """
    ours, theirs = linux.open_terminal()
    os.set_blocking(ours, False)
    with suppress(termios.error):
        termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0))
    copy_size(ours)
    return Ends([theirs] * 3, [Lane(outer[0], ours)], [Lane(ours, outer[1])], ours)


def plain_ends(outer: list[int]) -> Ends:
    """Our descriptors as they are, but a pipe in the place of each that is a terminal."""
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
    """Give a terminal the size of the one on our stdin."""
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0)))


def watch_signals() -> int:
    """Turn the signals that count into bytes on the returned descriptor; call it before the command starts."""
    ours, theirs = os.pipe()
    for descriptor in (ours, theirs):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in _WATCHED:
        if number not in ENDING or signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish holds
            signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # the modes are put back from the background too
    return ours


def carry(ends: Ends, child: int, signals: int) -> int:
    """Carry until `child`, the leader of a session, has ended; return its wait status.

    A signal that ends us ends the child's group too, and then us.
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
    """A signal that ends us has come, or the caller's terminal has gone."""

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
    """Give out what the command has written; what it left running in the guest may hold the way open for ever."""
    for lane in lanes:
        _write_out(lane)
        # The kernel hands over what was written to a terminal a moment later: nothing to read is not yet its end.
        while not lane.has_ended and select.select([lane.source], [], [], QUIET)[0]:
            lane.fill()
            _write_out(lane)


def _write_out(lane: Lane) -> None:
    while lane.held:
        select.select([], [lane.target], [])
        lane.flush()
