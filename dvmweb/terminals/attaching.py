"""Attaches the user's own terminal to one of the keeper: `dvm sh --attach`. Ctrl-\\ detaches and leaves it running."""

from __future__ import annotations

import os
import re
import secrets
import select
import signal
import socket
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from dvmweb.errors import DvmError
from dvmweb.terminals.connection import Connection, KeeperGone

DETACH = b"\x1c"  # Ctrl-\
# The user's terminal answers the queries in replayed output. These answers must not reach the shell, so input counts
# only once the terminal has answered a query of ours that follows the replay: the cursor position, at a random place
# that no other query is likely to ask about.
FENCE, ANSWER = b"\x1b7\x1b[%d;%dH\x1b[6n\x1b8", b"\x1b[%d;%dR"
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P][^\x07\x1b]*(?:\x07|\x1b\\)|.)", re.DOTALL)
PATIENCE = 2.0  # seconds for a terminal that answers no queries
# Resets what a program may have left on: alternate screen, hidden cursor, mouse, focus, bracketed paste, colours.
RESTORE = b"".join(b"\x1b[?%dl" % mode for mode in (1, 1000, 1002, 1003, 1004, 1006, 2004, 1049)) + b"\x1b[?25h\x1b[0m"
CHUNK = 65_536


@dataclass(frozen=True)
class End:
    """How the terminal ended."""

    code: int
    text: str


def show(connection: Connection) -> End | None:
    """Show an attached terminal on stdin and stdout, a tty, until it ends; None when the user detaches."""
    try:
        with _raw():
            return _Viewer(connection).run()
    finally:
        os.write(1, RESTORE)


class _Viewer:
    """Carries bytes between our own terminal and the keeper's."""

    def __init__(self, connection: Connection) -> None:
        attached = connection.attached
        self._connection = connection
        self._at = int(attached["from"])
        self._replay = int(attached["replay"])
        size = os.get_terminal_size()
        self._place = (1 + secrets.randbelow(size.lines or 24), 1 + secrets.randbelow(size.columns or 80))  # 0: unknown
        self._fence_until = 0.0 if self._at >= self._replay else float("inf")  # monotonic seconds
        self._held = b""
        _write(str(attached.get("modes", "")).encode())

    def run(self) -> End | None:
        """Run until the terminal has ended; None when the user detaches."""
        with _size_changes() as changes:
            # What came in one piece with the answer to `attach` makes no descriptor ready.
            if self._connection.has_more and (end := self._receive()):
                return end
            while True:
                ready, _, _ = select.select((0, self._connection.fileno(), changes.fileno()), (), (), PATIENCE)
                if changes.fileno() in ready:
                    changes.recv(CHUNK)
                    size = os.get_terminal_size()
                    self._connection.control(do="resize", cols=size.columns, rows=size.lines)
                if 0 in ready and self._type(os.read(0, CHUNK)):
                    return None
                if self._connection.fileno() in ready and (end := self._receive()):
                    return end

    def _type(self, data: bytes) -> bool:
        """Send keys; True when the user detaches."""
        if not data:
            return True
        keys, detach, _ = self._past_the_fence(data).partition(DETACH)
        if keys:
            self._connection.send(keys)
        return bool(detach)

    def _past_the_fence(self, data: bytes) -> bytes:
        if not self._fence_until:
            return data
        self._held += data
        before, answer, rest = self._held.partition(ANSWER % self._place)
        if answer or time.monotonic() > self._fence_until:
            self._fence_until, self._held = 0.0, b""
            return ESCAPES.sub(b"", before) + rest  # what was typed meanwhile, without the terminal's answers
        return DETACH if DETACH in data else b""

    def _receive(self) -> End | None:
        """Show what has arrived; return how the terminal ended, once it has."""
        while (message := self._connection.receive(PATIENCE)) is not None:
            if isinstance(message, bytes):
                self._show(message)
            elif end := self._handle(message):
                return end
            if not self._connection.has_more:
                break
        return None

    def _show(self, data: bytes) -> None:
        _write(data)
        self._at += len(data)
        with suppress(KeeperGone):  # it has closed; its last message is still to be read
            self._connection.control(do="ack", at=self._at)
        if self._fence_until == float("inf") and self._at >= self._replay:
            self._fence_until = time.monotonic() + PATIENCE
            _write(FENCE % self._place)

    def _handle(self, message: dict[str, Any]) -> End | None:
        kind = message.get("is")
        if kind == "exit":
            return End(int(message["code"]), str(message["reason"]))
        if kind == "dropped":
            return End(1, "This window was too slow and was detached; the terminal keeps running.")
        if kind == "ping":
            self._connection.control(do="pong")
        elif kind == "skipped":
            self._at = int(message["from"])
            _write(b"\r\n[... output skipped ...]\r\n" + str(message.get("modes", "")).encode())
        return None


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _end(number: int, _frame: object) -> None:
    # Raised so that the clean-up runs and the tty does not stay raw.
    raise DvmError(f"This window was ended by {signal.Signals(number).name}.", "The terminal keeps running.")


@contextmanager
def _raw() -> Iterator[None]:
    """Put the tty into raw mode, and restore it afterwards."""
    before = termios.tcgetattr(0)
    ended = signal.signal(signal.SIGTERM, _end)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, ended)


@contextmanager
def _size_changes() -> Iterator[socket.socket]:
    """A socket that becomes readable when the window size changes."""
    alarm, bell = socket.socketpair()
    bell.setblocking(False)
    old = signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        yield alarm
    finally:
        signal.signal(signal.SIGWINCH, before)
        signal.set_wakeup_fd(old)
        alarm.close()
        bell.close()
