"""WebSockets through the whole path: guard, server, flask-sock and our bounds (threats.md A, B, E)."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import websocket
from flask import Blueprint, Flask
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Pong

from dvmweb.errors import NotFound
from dvmweb.verbs.vms import Vms
from dvmweb.web.server import websockets
from dvmweb.web.server.guard import guard
from dvmweb.web.server.http_server import Server, listen
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.websockets import outermost
from dvmweb.web.ui.socket_routes import socket_route
from tests.web.conftest import Served

BIG = 32_000_000


def add_routes(app: Flask) -> None:
    area = Blueprint("socket_tests", __name__)

    def check(what: str) -> None:
        if what == "refused":
            raise NotFound("There is no such terminal.")

    @socket_route(area, "/test/<what>", check)
    def stream(ws: Any, what: str) -> None:
        if what == "echo":
            while (message := ws.receive()) is not None:
                ws.send(message)
        elif what == "close":
            ws.close(4000, "done")
        elif what == "fail":
            raise RuntimeError("canary")
        elif what == "big":
            ws.send(b"x" * BIG)
            ws.receive()
        elif what == "idle":
            wait_until(lambda: not ws.connected)

    app.register_blueprint(area)


@pytest.fixture
def served(app: Flask, vms: Vms, sessions: Sessions) -> Iterator[Served]:
    add_routes(app)
    serving = Server(listen(0), lambda host: guard(outermost(app), sessions, host))
    session_id = sessions.login(sessions.issue_login())
    assert session_id
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Served(serving, app, vms, sessions, session_id)
    app.extensions["dvm"]["sockets"].close_all()
    serving.shutdown()
    thread.join(5)


def connect(served: Served, what: str = "echo", **settings: Any) -> websocket.WebSocket:
    url = f"ws://{served.host}{served.sessions.prefix}/test/{what}"
    settings.setdefault("origin", served.origin)
    settings.setdefault("cookie", served.cookie)
    return websocket.create_connection(url, timeout=10, **settings)


def status_of(served: Served, what: str = "echo", **settings: Any) -> int:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(served, what, **settings)
    return int(refused.value.status_code)


def close_code(connection: websocket.WebSocket) -> int:
    """Read until the server closes; its code, 1006 where it only hung up."""
    try:
        while True:
            opcode, data = connection.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                with suppress(websocket.WebSocketException, OSError):
                    connection.send_close()
                return int(struct.unpack("!H", data[:2])[0])
    except (websocket.WebSocketException, OSError):
        return 1006


def wait_until(is_so: Any, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def count(served: Served) -> int:
    found: int = served.app.extensions["dvm"]["sockets"].count
    return found


def test_a07_only_our_origin_and_session(served: Served) -> None:
    for origin in ("http://evil.example", "null", "http://[::1]:1", served.origin.upper(), f"{served.origin}.evil.com"):
        assert status_of(served, origin=origin) == 403
    assert status_of(served, suppress_origin=True) == 403
    assert status_of(served, cookie=None) == 401
    assert status_of(served, cookie=f"{served.sessions.cookie_name}=x") == 401
    assert status_of(served, header=["Sec-Fetch-Site: same-site"]) == 403
    connection = connect(served)
    connection.send_binary(b"\x00\xff")
    assert connection.recv() == b"\x00\xff"
    connection.close()
    wait_until(lambda: count(served) == 0)


def test_e17_refused_before_the_upgrade(served: Served) -> None:
    assert status_of(served, "refused") == 404
    assert count(served) == 0


def test_b07_logging_out_closes_the_sockets_of_that_session(served: Served) -> None:
    other_id = served.sessions.login(served.sessions.issue_login())
    mine, other = connect(served), connect(served, cookie=f"{served.sessions.cookie_name}={other_id}")
    session = served.sessions.find(served.session_id)
    assert session
    served.sessions.logout(session)
    assert close_code(mine) == 4401
    assert status_of(served) == 401
    other.send("still here")
    assert other.recv() == "still here"
    served.sessions.logout_everywhere()
    assert close_code(other) == 4401


def test_close_codes_arrive_every_time(served: Served) -> None:
    codes = [close_code(connect(served, "close")) for _ in range(30)]
    assert codes == [4000] * 30
    assert close_code(connect(served, "fail")) == 1011


def test_r21_the_end_of_the_dashboard_says_1001(served: Served) -> None:
    found = [connect(served) for _ in range(5)]
    served.app.extensions["dvm"]["sockets"].close_all()
    assert [close_code(connection) for connection in found] == [1001] * 5
    wait_until(lambda: count(served) == 0)


def test_b13_one_more_than_128(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert websockets.MOST_SOCKETS == 128
    monkeypatch.setattr(served.app.extensions["dvm"]["sockets"], "_most", 4)
    first = [connect(served) for _ in range(4)]
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(served)
    assert refused.value.status_code == 503
    assert b"4 connections are open already" in (refused.value.resp_body or b"")
    first[0].send("alive")
    assert first[0].recv() == "alive"
    first[1].close()
    wait_until(lambda: count(served) == 3)
    connect(served).close()


def frame(opcode: int, data: bytes, *, masked: bool = True, reserved: int = 0) -> bytes:
    size = len(data)
    head = bytes([0x80 | reserved | opcode])
    mark = 0x80 if masked else 0
    if size < 126:
        head += bytes([mark | size])
    elif size < 65536:
        head += bytes([mark | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mark | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + data


# Made when the test runs: every worker imports this module, and 200 MB each are too many.
NO_BROWSER_SENDS = {
    "64 kB + 1": (lambda: frame(2, b"x" * 65_537), {1009}),
    "not UTF-8": (lambda: frame(1, b"\xff\xfe\xfd"), {1007}),
    "unmasked": (lambda: frame(2, b"x", masked=False), {1002}),
    "compressed": (lambda: frame(2, b"x" * 1000, reserved=0x40), {1002}),  # which was never agreed
    "10 MB ping": (lambda: frame(9, b"x" * 10_000_000), {1002}),
    "unknown kind": (lambda: frame(3, b"x"), {1002}),
    "200 MB": (lambda: frame(2, b"x" * 200_000_000), {1009, 1006}),  # cut off while it still sends
}


@pytest.mark.parametrize(("made", "codes"), NO_BROWSER_SENDS.values(), ids=NO_BROWSER_SENDS.keys())
def test_b14_what_no_browser_sends(served: Served, made: Callable[[], bytes], codes: set[int]) -> None:
    data = made()
    before = psutil.Process().memory_info().rss
    connection = connect(served)
    raw = raw_socket(connection)
    sending = threading.Thread(target=_push, args=(raw, data), daemon=True)
    sending.start()
    code = close_code(connection)
    raw.close()
    assert code in codes
    wait_until(lambda: count(served) == 0)
    sending.join(10)
    assert psutil.Process().memory_info().rss - before < 10_000_000


def raw_socket(connection: websocket.WebSocket) -> socket.socket:
    raw = connection.sock
    assert isinstance(raw, socket.socket)
    return raw


def _push(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        connection.sendall(data)


def test_b14_no_compression_is_agreed(served: Served) -> None:
    offer = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]
    connection = connect(served, header=offer)
    assert "sec-websocket-extensions" not in {name.lower() for name in connection.getheaders() or {}}
    connection.close()


def test_a_peer_that_sends_faster_than_we_take(served: Served) -> None:
    """threats.md 0.6 b: the library's own list has no bound."""
    before = psutil.Process().memory_info().rss
    connection = connect(served, "idle")
    one = frame(2, b"x" * 60_000)
    _push(raw_socket(connection), one * 200)
    assert close_code(connection) in (1008, 1006)
    assert psutil.Process().memory_info().rss - before < 30_000_000


def test_e02_a_peer_that_does_not_read_frees_its_thread(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets.OneWriter.__init__, "__defaults__", (1,))
    before = threading.active_count()
    connection = connect(served, "big")
    wait_until(lambda: count(served) == 1)
    wait_until(lambda: count(served) == 0)
    wait_until(lambda: threading.active_count() <= before)
    raw_socket(connection).close()


def test_e23_pings_do_not_break_a_large_message(served: Served) -> None:
    served.app.config["SOCK_SERVER_OPTIONS"] = {**websockets.SERVER_OPTIONS, "ping_interval": 0.2}
    connection = connect(served, "big")
    time.sleep(0.7)  # nothing is read: the writer is blocked, pings fall due meanwhile
    opcode, data = connection.recv_data(control_frame=False)
    assert opcode == websocket.ABNF.OPCODE_BINARY
    assert data == b"x" * BIG
    connection.close()


def test_e24_after_a_ping_timeout_the_viewer_is_gone_and_the_log_is_clean(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    served.app.config["SOCK_SERVER_OPTIONS"] = {**websockets.SERVER_OPTIONS, "ping_interval": 0.2}
    area = Blueprint("late", __name__)
    failures: list[str] = []

    @socket_route(area, "/late/<what>")
    def late(ws: Any, what: str) -> None:
        wait_until(lambda: not ws.connected)
        try:
            ws.send(b"guest canary")
        except Exception as error:
            failures.append(type(error).__name__)
            raise

    served.app._got_first_request = False
    served.app.register_blueprint(area)
    url = f"ws://{served.host}{served.sessions.prefix}/late/x"
    connection = websocket.create_connection(url, timeout=10, origin=served.origin, cookie=served.cookie)
    wait_until(lambda: failures)  # we answer no ping
    wait_until(lambda: count(served) == 0)
    raw_socket(connection).close()
    assert "canary" not in caplog.text
    assert "canary" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_frame_that_was_made_before_the_close_frame_and_comes_after_it_is_not_sent(length: int) -> None:
    """Each frame by the library itself, as two threads of a handler make them."""
    protocol = WSConnection(ConnectionType.SERVER)
    protocol.receive_data(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert list(protocol.events())
    accepted = protocol.send(AcceptConnection())
    shown, late = (protocol.send(BytesMessage(b"\x88" * length)) for _ in range(2))
    pong, end = protocol.send(Pong()), protocol.send(CloseConnection(1000))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as theirs,
        server.accept()[0] as ours,
    ):
        writer = websockets.OneWriter(ours)
        for data in (accepted, shown, pong + end, late):
            assert writer.send(data) == len(data)
        writer.cut()
        got = b""
        while data := theirs.recv(1 << 20):
            got += data
    assert got == accepted + shown + pong + end
