"""Makes WebSockets robust: serialized writes, bounded input, a limit on their number, close codes that arrive."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from dvmweb.errors import DvmError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_SOCKETS = 128
MOST_INPUTS = 64  # messages that the handler has not received yet
STALL_SECONDS = 5  # without progress, after which a peer that does not read is cut off
CLOSE_SECONDS = 2  # for the peer to answer our close frame
PING_SECONDS = 20
GOING_AWAY, POLICY, LOGGED_OUT, FAILED = 1001, 1008, 4401, 1011
WRITER = "dvm.socket"
CLOSE_FRAME = 8  # opcode


class TooManySockets(DvmError):
    """The limit of open WebSockets is reached."""


class OneWriter:
    """Wraps a socket so that frames of two threads never mix, and a peer that does not read blocks no thread.

    simple-websocket writes pings from another thread and ignores how many bytes `send` accepted. Its reader answers a
    close frame while another thread is about to send an earlier frame: what comes after a close frame is discarded.
    """

    def __init__(self, sock: socket.socket, stall: int = STALL_SECONDS) -> None:
        self._sock, self._lock = sock, threading.Lock()
        self.has_sent = False  # the first thing sent is the 101: no HTTP response can follow
        self._has_closed = False
        sock.settimeout(None)
        # Seconds and microseconds of a C timeval; macOS keeps 4 bytes for the latter.
        form = "@li" if sys.platform == "darwin" else "@ll"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(form, stall, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> int:
        """Write everything, or cut the connection off and raise BrokenPipeError."""
        with self._lock:
            if self._has_closed:
                return len(data)
            self._has_closed = self.has_sent and has_close_frame(data)
            self.has_sent = True
            try:
                self._sock.sendall(data)
            except (BlockingIOError, TimeoutError) as error:
                self.cut()
                raise BrokenPipeError("the peer does not read") from error
        return len(data)

    def cut(self) -> None:
        """End the connection at once; waiting threads wake up."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Do nothing when the library's reader ends: the server closes later, or the close code would be lost."""

    def drain(self, seconds: float) -> None:
        """Discard input until the peer closes: unread bytes would turn our close into a reset."""
        deadline = time.monotonic() + seconds
        with suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(65536):
                    return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def has_close_frame(data: bytes) -> bool:
    """Whether one of the frames of a server is a close frame (RFC 6455, section 5.2; they have no mask)."""
    at = 0
    while at + 2 <= len(data):
        if data[at] & 0x0F == CLOSE_FRAME:
            return True
        length, at = data[at + 1] & 0x7F, at + 2
        more = {126: 2, 127: 8}.get(length, 0)  # bytes of a longer length
        length = int.from_bytes(data[at : at + more], "big") if more else length
        at += more + length
    return False


class BoundedInputs(list[Any]):
    """The received messages; closes the connection of a peer that sends faster than they are handled."""

    def __init__(self, ws: Any) -> None:
        super().__init__(ws.input_buffer)
        self._ws = ws

    def append(self, message: Any) -> None:
        """Queue a message, or close the connection and raise OSError (which ends the library's reader)."""
        if len(self) >= MOST_INPUTS:
            with suppress(OSError, ConnectionClosed, LocalProtocolError):
                self._ws.close(POLICY, "too many messages at once")
            raise OSError("too many messages at once")
        super().append(message)


def _reader(target: Callable[[], None]) -> threading.Thread:
    """Replaces the library's reader thread, so that the bounds are in place before its first byte."""
    ws: Any = target.__self__  # type: ignore[attr-defined]
    ws.input_buffer = BoundedInputs(ws)
    sending = threading.Lock()

    def one_at_a_time(send: Callable[..., None]) -> Callable[..., None]:
        # A frame after the close frame is an error, and its sender would end the connection before the close is sent.
        def locked(*arguments: Any, **named: Any) -> None:
            with sending:
                send(*arguments, **named)

        return locked

    def read() -> None:
        try:
            target()
        finally:  # the library wakes its handler before it marks the end, so that the handler would wait forever
            ws.connected = False
            ws.event.set()

    ws.send, ws.close = one_at_a_time(ws.send), one_at_a_time(ws.close)
    return threading.Thread(target=read, name="websocket reader", daemon=True)


SERVER_OPTIONS = {"max_message_size": 65536, "ping_interval": PING_SECONDS, "thread_class": _reader}


class Sockets:
    """The open WebSockets, each with its session."""

    def __init__(self, is_live: Callable[[str], bool], most: int = MOST_SOCKETS) -> None:
        """`is_live` returns whether the session of a key is valid."""
        self._is_live, self._most = is_live, most
        self._lock = threading.Lock()
        self._open: dict[int, tuple[str, Any]] = {}
        self._places = 0
        self._is_over = False

    @property
    def count(self) -> int:
        """The number of places in use."""
        return self._places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Reserve a place for one socket. Raises TooManySockets at the limit."""
        with self._lock:
            if self._places >= self._most:
                raise TooManySockets(
                    f"{self._most} connections are open already.", "Close a terminal tab, then try again."
                )
            self._places += 1
        try:
            yield
        finally:
            with self._lock:
                self._places -= 1

    @contextmanager
    def entered(self, session: str, ws: Any) -> Iterator[None]:
        """Register an open socket while its handler runs; close it at once where its session or the dashboard ended."""
        with self._lock:
            self._open[id(ws)] = (session, ws)
            is_over = self._is_over
        if is_over:
            close(ws, GOING_AWAY, "the dashboard is stopping")
        elif not self._is_live(session):  # logged out during the upgrade
            close(ws, LOGGED_OUT, "logged out")
        try:
            yield
        finally:
            with self._lock:
                del self._open[id(ws)]

    def close_session(self, session: str) -> None:
        """Close all sockets of a session with 4401."""
        self._close(lambda owner: owner == session, LOGGED_OUT, "logged out")

    def close_all(self) -> None:
        """Close all sockets, and those opened later, with 1001: the dashboard is stopping."""
        self._is_over = True
        self._close(lambda _: True, GOING_AWAY, "the dashboard is stopping")

    def _close(self, is_meant: Callable[[str], bool], code: int, reason: str) -> None:
        with self._lock:
            meant = [ws for owner, ws in self._open.values() if is_meant(owner)]
        for ws in meant:  # each in a thread: a peer that does not read must not delay the others
            threading.Thread(target=close, args=(ws, code, reason), daemon=True).start()


def close(ws: Any, code: int, reason: str = "") -> None:
    """Send a close frame; the handler's next send or receive raises ConnectionClosed. Never raises."""
    with suppress(OSError, ConnectionClosed, LocalProtocolError):
        ws.close(code, reason)
    ws.event.set()  # wakes a handler that waits in receive


def outermost(app: WSGIApplication) -> WSGIApplication:
    """Write no HTTP response after an upgrade: browsers would see 1006 instead of the close code."""

    def wsgi(environ: WSGIEnvironment, start: StartResponse) -> Any:
        body = app(environ, start)
        writer = environ.get(WRITER)
        if writer is not None and writer.has_sent:
            raise ConnectionError("the WebSocket has ended")
        return body

    return wsgi
