"""The HTTP server: Werkzeug's threaded server with deadlines and limits, on a loopback address only."""

from __future__ import annotations

import errno
import io
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from dvmweb.errors import UsageError
from dvmweb.web.server.body_limits import Bodies, Body
from dvmweb.web.server.guard import DEFAULTS, FORGET_COOKIES, HEADERS
from dvmweb.web.server.http_head import HEAD_BYTES, HEADER_LINES, LINE_BYTES, BadHead, Head, parse_head

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

IPV6, IPV4 = "::1", "127.0.0.1"
HEAD_SECONDS = 5
BODY_SECONDS, BODY_STALL = 30, 5  # for a whole body, and between two reads
WRITE_SECONDS = 30
DRAIN_SECONDS, DRAIN_BYTES = 1, 2_000_000  # so that a client that is refused while sending can read the response
MOST_CONNECTIONS = 256
# Only cookies make a browser's head this large, and then every page would be refused permanently.
TOO_MANY_COOKIES = "This address had too many cookies. They have been deleted. Log in again.\n"
log = logging.getLogger(__name__)


def check_address(address: str) -> str:
    """Return `address` where the dashboard can listen on it. Raises UsageError for anything but ::1 and 127.0.0.1."""
    if address not in (IPV6, IPV4):
        raise UsageError(
            f"The dashboard does not listen on {address!r}: anyone who reaches it gets a shell in every VM.",
            f"It listens on {IPV6}, or with --ipv4 on {IPV4}. From another computer, use ssh -L.",
        )
    return address


def listen(port: int, *, ipv4: bool = False) -> socket.socket:
    """A listening socket on ::1, or on 127.0.0.1 with `ipv4` or without IPv6 on the host.

    Raises OSError with EADDRINUSE where the port is in use.
    """
    if not ipv4:
        try:
            return _listen_on(IPV6, port)
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
                raise
    return _listen_on(IPV4, port)


def _listen_on(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in check_address(address) else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)  # not inherited by child processes, without SO_REUSEPORT
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
        listening.bind((address, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


class _TimedReader(io.RawIOBase):
    """Reads a socket up to a number of bytes and a deadline for all reads together."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.allow(HEAD_SECONDS)

    def allow(
        self, seconds: float, most: int = 1 << 40, at_first: Callable[[], None] | None = None, stall: float = 1e9
    ) -> None:
        """Start new limits; call `at_first` when the next read begins. Each read waits at most `stall` seconds."""
        self._deadline, self._left, self._at_first = time.monotonic() + seconds, most, at_first
        self._stall = stall

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._at_first is not None:
            self._at_first()
            self._at_first = None
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("too slow")
        if self._left <= 0:
            return 0
        self._sock.settimeout(min(seconds, self._stall))
        got = self._sock.recv_into(memoryview(buffer)[: self._left])
        self._left -= got
        return got


class Handler(WSGIRequestHandler):
    """Handles one request; the connection is closed afterwards."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._reader = _TimedReader(self.connection)
        self.rfile = io.BufferedReader(self._reader, 8192)

    def handle_one_request(self) -> None:
        """Read one request and respond; anything that follows on this connection is ignored."""
        self.close_connection = True
        self.requestline, self.request_version, self.command = "", "HTTP/1.1", ""
        try:
            head = self._read_head()
        except BadHead as error:
            self._refuse(error.status)
        except (OSError, EOFError):  # too slow, or disconnected
            return
        else:
            self.server.head_is_read(self.connection)
            self._reader.allow(BODY_SECONDS, stall=BODY_STALL)
            self.command, self.path, self.headers = head.method, head.target, head.headers
            self.request_version = head.version
            self.run_wsgi()

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        environ["wsgi.input"] = Body(environ["wsgi.input"], environ, self.connection, self.server.bodies)
        return environ

    def _read_head(self) -> Head:
        first = self.rfile.readline(LINE_BYTES + 1)
        if not first:
            raise EOFError
        if len(first) > LINE_BYTES:
            raise BadHead(414)
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline(HEAD_BYTES + 1)) != b"\r\n":
            size += len(line)
            if size > HEAD_BYTES or len(lines) >= HEADER_LINES:
                raise BadHead(431)
            if not line.endswith(b"\n"):
                raise EOFError
            lines.append(line)
        return parse_head(first, lines)

    def _refuse(self, status: int) -> None:
        log.warning("refused (head): %d", status)
        self._reader.allow(DRAIN_SECONDS, DRAIN_BYTES)
        is_large = status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        body = (TOO_MANY_COOKIES if is_large else f"{HTTPStatus(status).phrase}.\n").encode()
        ours = (*HEADERS, *DEFAULTS, *(FORGET_COOKIES if is_large else ()))
        headers = (*ours, ("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"))
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        with suppress(OSError, ValueError):
            self.connection.settimeout(WRITE_SECONDS)
            self.wfile.write("\r\n".join((*lines, "", "")).encode() + body)
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read1(65536):
                pass

    def send_response(self, code: int, message: str | None = None) -> None:
        """Like the base class, but without the Server header."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def end_headers(self) -> None:
        self.connection.settimeout(WRITE_SECONDS)
        # Further input is discarded; a client that keeps sending can be cut off when connections run short.
        self._reader.allow(DRAIN_SECONDS, DRAIN_BYTES, lambda: self.server.is_answered(self.connection))
        super().end_headers()

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Do nothing: the guard logs, and nothing is printed."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Do nothing: the guard logs."""


class Server(ThreadedWSGIServer):
    """Serves `make_app(host)`, where `host` is the expected Host header: "[::1]:8722"."""

    daemon_threads = True

    def __init__(
        self, listening: socket.socket, make_app: Callable[[str], WSGIApplication], most: int = MOST_CONNECTIONS
    ) -> None:
        address, port = listening.getsockname()[:2]
        self.host_header = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self._most = most
        self._lock = threading.Lock()
        self._connections: set[Any] = set()
        self._heads: dict[Any, None] = {}  # connections whose head is not complete yet, oldest first
        self.bodies = Bodies(self._cut_off_one)
        super().__init__(address, port, make_app(self.host_header), Handler, fd=listening.fileno())
        listening.close()

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                with self._lock:
                    self._make_room()
                time.sleep(0.02)  # until its descriptor is free, instead of a busy loop
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Return whether to accept a connection: only from loopback, up to the limit."""
        try:
            is_loopback = ipaddress.ip_address(client_address[0]).is_loopback
        except ValueError:
            is_loopback = False
        return is_loopback and self._admit(request)

    def _admit(self, connection: Any) -> bool:
        """Accept a new connection if there is room or room can be made."""
        with self._lock:
            if len(self._connections) >= self._most and not self._make_room():
                return False
            self._connections.add(connection)
            self._heads[connection] = None
            return True

    def _make_room(self) -> bool:
        """Cut off the oldest connection without a complete head; False where there is none."""
        if not self._heads:
            return False
        self._cut_off(next(iter(self._heads)))
        return True

    def _cut_off_one(self, connection: Any) -> None:
        with self._lock:
            self._cut_off(connection)

    def _cut_off(self, connection: Any) -> None:
        self._forget(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # its thread wakes up and ends

    def head_is_read(self, connection: Any) -> None:
        """Note a complete head: the connection is not cut off from now on."""
        with self._lock:
            self._heads.pop(connection, None)

    def is_answered(self, connection: Any) -> None:
        """Note a sent response: the connection can be cut off again."""
        with self._lock:
            if connection in self._connections:
                self._heads[connection] = None

    def _forget(self, connection: Any) -> None:
        self._connections.discard(connection)
        self._heads.pop(connection, None)

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            log.error("no thread for a connection")
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._forget(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log that a connection failed outside the guard, without its bytes."""
        log.error("a connection failed")

    def log(self, type: str, message: str, *args: Any) -> None:
        """Do nothing: Werkzeug's traceback may contain guest text, and the guard has logged the place."""
