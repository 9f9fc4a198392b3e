"""WebSockets that stay whole: one writer, a bounded reader, a bounded number, close codes that arrive."""

from __future__ import annotations

import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

import flask_sock
from flask import Blueprint, Response, request
from simple_websocket import ConnectionClosed
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError

from dvmweb.errors import DvmError
from dvmweb.web import house

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_SOCKETS = 128
MOST_INPUTS = 64  # messages that the handler has not taken yet
STALL_SECONDS = 5  # a peer that takes nothing for so long is cut off
CLOSE_SECONDS = 2  # for the peer to answer our close frame
PING_SECONDS = 20
GOING_AWAY, POLICY, LOGGED_OUT, FAILED = 1001, 1008, 4401, 1011
WRITER = "dvm.socket"
log = logging.getLogger(__name__)


class TooManySockets(DvmError):
    """No place for one more WebSocket."""


class OneWriter:
    """Lies over a socket so that frames of two threads never mix and a peer that does not read frees its thread.

    simple-websocket writes pings from a thread of its own and ignores how much `send` has taken.
    """

    def __init__(self, sock: socket.socket, stall: int = STALL_SECONDS) -> None:
        self._sock, self._lock = sock, threading.Lock()
        self.has_sent = False  # the first thing sent is the 101: from then on no HTTP answer may follow
        sock.settimeout(None)
        # Seconds and microseconds of a C timeval; macOS keeps 4 bytes for the latter.
        form = "@li" if sys.platform == "darwin" else "@ll"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(form, stall, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> int:
        """Write all of it, or cut the connection off and raise BrokenPipeError."""
        with self._lock:
            self.has_sent = True
            try:
                self._sock.sendall(data)
            except (BlockingIOError, TimeoutError) as error:
                self.cut()
                raise BrokenPipeError("the peer does not read") from error
        return len(data)

    def cut(self) -> None:
        """End the connection at once; whoever waits on it wakes up."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The library's reader has ended. The server closes, later and in order: now the close code would be lost."""

    def drain(self, seconds: float) -> None:
        """Throw away what still comes in until the peer closes: unread bytes would make a reset of our close."""
        deadline = time.monotonic() + seconds
        with suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(65536):
                    return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class BoundedInputs(list[Any]):
    """The messages that came in; a peer that sends faster than we take them is closed."""

    def __init__(self, ws: Any) -> None:
        super().__init__(ws.input_buffer)
        self._ws = ws

    def append(self, message: Any) -> None:
        """Keep a message, or close the connection and raise OSError (the library then ends its reader)."""
        if len(self) >= MOST_INPUTS:
            with suppress(OSError, ConnectionClosed, LocalProtocolError):
                self._ws.close(POLICY, "too many messages at once")
            raise OSError("too many messages at once")
        super().append(message)


def _reader(target: Callable[[], None]) -> threading.Thread:
    """Stand in for the library's reader thread: the bounds are in place before its first byte."""
    ws: Any = target.__self__  # type: ignore[attr-defined]
    ws.input_buffer = BoundedInputs(ws)
    sending = threading.Lock()

    def one_at_a_time(send: Callable[..., None]) -> Callable[..., None]:
        # A frame behind the close frame would be an error, and its sender would end the connection before that is out.
        def locked(*arguments: Any, **named: Any) -> None:
            with sending:
                send(*arguments, **named)

        return locked

    def read() -> None:
        try:
            target()
        finally:  # the library wakes its handler before it says that the connection has ended: it would wait for ever
            ws.connected = False
            ws.event.set()

    ws.send, ws.close = one_at_a_time(ws.send), one_at_a_time(ws.close)
    return threading.Thread(target=read, name="websocket reader", daemon=True)


SERVER_OPTIONS = {"max_message_size": 65536, "ping_interval": PING_SECONDS, "thread_class": _reader}


class Sockets:
    """The WebSockets that are open, each with the session that it belongs to."""

    def __init__(self, most: int = MOST_SOCKETS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: dict[int, tuple[str, Any]] = {}
        self._places = 0
        self._is_over = False

    @property
    def count(self) -> int:
        """How many places are taken."""
        return self._places

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one socket; raises TooManySockets where there is none."""
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
        """Know of an open socket as long as its handler runs; one that comes too late is closed at once."""
        with self._lock:
            self._open[id(ws)] = (session, ws)
            is_over = self._is_over
        if is_over:
            close(ws, GOING_AWAY, "the dashboard ends")
        elif not house.sessions().is_live(session):  # logged out while the upgrade was under way
            close(ws, LOGGED_OUT, "logged out")
        try:
            yield
        finally:
            with self._lock:
                del self._open[id(ws)]

    def close_session(self, session: str) -> None:
        """Close every socket of a session with 4401."""
        self._close(lambda owner: owner == session, LOGGED_OUT, "logged out")

    def close_all(self) -> None:
        """Close every socket, also those still to come, with 1001: the dashboard ends."""
        self._is_over = True
        self._close(lambda _: True, GOING_AWAY, "the dashboard ends")

    def _close(self, is_meant: Callable[[str], bool], code: int, reason: str) -> None:
        with self._lock:
            meant = [ws for owner, ws in self._open.values() if is_meant(owner)]
        for ws in meant:  # each in a thread: one that does not read must not hold up the others
            threading.Thread(target=close, args=(ws, code, reason), daemon=True).start()


def close(ws: Any, code: int, reason: str = "") -> None:
    """Send a close frame; the handler's next send or receive raises ConnectionClosed. Never raises."""
    with suppress(OSError, ConnectionClosed, LocalProtocolError):
        ws.close(code, reason)
    ws.event.set()  # wakes a handler that waits in receive


class _Checked:
    """Stands between flask-sock and a blueprint: looks before the upgrade, so that a refusal is a plain answer."""

    def __init__(self, blueprint: Blueprint, check: Callable[..., None] | None) -> None:
        self._blueprint, self._check = blueprint, check

    def route(self, path: str, **settings: Any) -> Callable[[Callable[..., Response]], None]:
        """What flask-sock calls to register its view."""

        def register(view: Callable[..., Response]) -> None:
            @wraps(view)
            def checked(**arguments: Any) -> Response:
                if self._check:
                    self._check(**arguments)
                with house.sockets().place():
                    environ = request.environ
                    # No compression: a small message must not become a huge one, and a terminal must be fast.
                    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
                    environ["werkzeug.socket"] = environ[WRITER] = OneWriter(environ["werkzeug.socket"])
                    return view(**arguments)

            self._blueprint.route(path, **settings)(checked)

        return register


def socket_route(
    blueprint: Blueprint, path: str, check: Callable[..., None] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register `handler(ws, **arguments)` for a WebSocket at `path`; use it in place of flask-sock's own decorator.

    `check(**arguments)` runs before the upgrade and raises a DvmError to refuse it. `ws` has send(bytes or str, from
    any thread), receive(timeout) and close(code, reason). When the handler returns or fails, the socket is closed.
    """

    def register(handler: Callable[..., None]) -> Callable[..., None]:
        @wraps(handler)
        def run(ws: Any, **arguments: Any) -> None:
            session = house.session()
            writer: OneWriter = request.environ[WRITER]
            with house.sockets().entered(session.key if session else "", ws):
                try:
                    handler(ws, **arguments)
                except (ConnectionClosed, LocalProtocolError, OSError):
                    pass  # the peer has gone, or was cut off
                except Exception as error:  # its text may be a guest's: only its kind is logged
                    log.error("a socket's handler failed: %s", type(error).__name__)
                    close(ws, FAILED, "a fault of dvm")
                finally:
                    _end(ws, writer)

        flask_sock.Sock().route(path, bp=_Checked(blueprint, check))(run)
        return handler

    return register


def _end(ws: Any, writer: OneWriter) -> None:
    """Close in order (frame, answer, connection), so that the close code arrives and no thread is left."""
    deadline = time.monotonic() + CLOSE_SECONDS
    close(ws, 1000)
    ws.thread.join(CLOSE_SECONDS)  # it reads the peer's answer, or is just writing ours: wait before the end of writing
    with suppress(OSError):
        writer.shutdown(socket.SHUT_WR)
    if ws.ws.state is not ConnectionState.CLOSED:
        writer.drain(deadline - time.monotonic())
    writer.cut()


def outermost(app: WSGIApplication) -> WSGIApplication:
    """After an upgrade write no HTTP answer behind the close frame: browsers would see 1006 in place of the code."""

    def wsgi(environ: WSGIEnvironment, start: StartResponse) -> Any:
        body = app(environ, start)
        writer = environ.get(WRITER)
        if writer is not None and writer.has_sent:
            raise ConnectionError("the WebSocket has ended")
        return body

    return wsgi
