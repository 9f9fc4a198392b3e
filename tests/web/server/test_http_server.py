"""The server below the guard: heads, deadlines, caps and its address, by bare connections (threats.md A, B)."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest
from flask import Flask

from dvmweb.errors import UsageError
from dvmweb.web.server import body_limits
from dvmweb.web.server import http_server as server_module
from dvmweb.web.server.guard import guard
from dvmweb.web.server.http_head import HEADER_LINES, BadHead, parse_head
from dvmweb.web.server.http_server import Server, check_address, listen
from dvmweb.web.server.sessions import Sessions
from tests.web.conftest import Served

Answer = tuple[int, bytes, bytes]


def send(server: Served, data: bytes) -> Answer:
    """Send bytes, read until the server closes: status, head, body. Status 0 where nothing came."""
    with server.connect() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused while we were sending
        return read(connection)


def read(connection: socket.socket) -> Answer:
    whole = b""
    try:
        while chunk := connection.recv(65536):
            whole += chunk
    except ConnectionResetError:
        pass
    head, _, body = whole.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, head, body


def get(server: Served, path: str = "/login", more: str = "", host: str | None = None) -> bytes:
    shown = server.host if host is None else host
    return f"GET {server.sessions.prefix}{path} HTTP/1.1\r\nHost: {shown}\r\n{more}\r\n".encode("latin-1")


def post(server: Served, more: str, body: bytes = b"", path: str = "/login") -> bytes:
    head = f"POST {server.sessions.prefix}{path} HTTP/1.1\r\nHost: {server.host}\r\nOrigin: {server.origin}\r\n"
    return f"{head}Content-Type: application/x-www-form-urlencoded\r\n{more}\r\n".encode() + body


def test_an_honest_request(server: Served) -> None:
    status, head, body = send(server, get(server))
    assert status == 200
    assert b"Log in" in body
    assert b"Server:" not in head
    assert b"erkzeug" not in head
    assert b"Python" not in head
    assert b"Connection: close" in head


def test_a03_no_host_and_two_hosts(server: Served) -> None:
    prefix = server.sessions.prefix
    for version in ("1.0", "1.1"):
        status, _, body = send(server, f"GET {prefix}/login HTTP/{version}\r\n\r\n".encode())
        assert (status, body) == (421, b"")
    for pair in ((server.host, "evil"), ("evil", server.host), (server.host, server.host)):
        lines = "".join(f"Host: {host}\r\n" for host in pair)
        assert send(server, f"GET {prefix}/login HTTP/1.1\r\n{lines}\r\n".encode())[0] == 400
    assert send(server, get(server, host="evil.example"))[0] == 421


@pytest.mark.parametrize("authority", ["evil.example", "{host}", "evil@{host}"])
def test_a04_an_absolute_address_in_the_request_line(server: Served, authority: str) -> None:
    where = authority.format(host=server.host)
    for host in (server.host, "evil.example"):
        line = f"GET http://{where}{server.sessions.prefix}/login HTTP/1.1\r\nHost: {host}\r\n\r\n"
        assert send(server, line.encode())[0] == 400


def test_a20_what_follows_a_refused_request_is_not_read(server: Served, sessions: Sessions) -> None:
    token = sessions.issue_login()
    body = f"token={token}".encode()
    second = post(server, f"Content-Length: {len(body)}\r\n", body)
    for first in (get(server, host="evil"), get(server, "/nothing"), get(server), b"BROKEN\r\n\r\n"):
        status, _, answer = send(server, first + second)
        assert status in (400, 401, 421, 200)
        assert b"HTTP/1.1" not in answer
    assert sessions.login(token) is not None  # nobody has used it


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: ٥\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 5\n",
        " Content-Length: 5\r\n",
        "X: a\r\n Content-Length: 5\r\n",
        "X: a\rb\r\n",
        "X: a\x00b\r\n",
        "X y: a\r\n",
        ": a\r\n",
        "nothing\r\n",
        "Origin: http://evil\r\n",
    ],
)
def test_a20_a_head_with_two_meanings(server: Served, lines: str) -> None:
    status, _, body = send(server, post(server, lines, b"token"))
    assert (status, body) == (400, b"Bad Request.\n")


@pytest.mark.parametrize(
    "line",
    [
        *(
            "GET / HTTP/0.9",
            "GET /",
            "PRI * HTTP/2.0",
            "GET / HTTP/2.0",
            "get / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET * HTTP/1.1",
        ),
        *("GET /a b HTTP/1.1", "GET /\x00 HTTP/1.1", "GET /é HTTP/1.1", "CONNECT a:1 HTTP/1.1", "", " GET / HTTP/1.1"),
        *("\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1 x", "G\tET / HTTP/1.1"),
    ],
)
def test_a_strange_request_line(server: Served, line: str) -> None:
    data = f"{line}\r\nHost: {server.host}\r\n\r\n".encode("latin-1")
    status, head, body = send(server, data)
    assert (status, body) == (400, b"Bad Request.\n")
    assert b"Content-Security-Policy" in head


def test_a_body_must_have_a_length_and_nobody_waits_for_100(server: Served) -> None:
    assert send(server, post(server, "Transfer-Encoding: chunked\r\n", b"5\r\ntoken\r\n0\r\n\r\n"))[0] == 411
    status, head, _ = send(server, post(server, "Expect: 100-continue\r\nContent-Length: 5\r\n"))
    assert status == 417
    assert b" 100 " not in head
    assert send(server, post(server, "Content-Length: 50\r\n", b"short"))[0] == 400


def test_b11_what_is_too_large(server: Served) -> None:
    before = psutil.Process().memory_info().rss
    assert send(server, get(server, "/login?" + "a" * 100_000))[0] == 414
    assert send(server, get(server, more="".join(f"X-{n}: a\r\n" for n in range(200))))[0] == 431
    assert send(server, get(server, more=f"X: {'a' * 480_000}\r\n"))[0] == 431
    assert send(server, get(server, more=f"Cookie: {'a' * 40_000}\r\n"))[0] == 431
    assert send(server, post(server, "Content-Length: 1000001\r\n", b"a" * 1_000_001))[0] == 413
    assert send(server, post(server, "Content-Length: 99999999999999\r\n", b"a" * 3_000_000))[0] in (413, 0)
    assert send(server, post(server, "Content-Length: 9999999999999999\r\n"))[0] == 400
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert send(server, get(server))[0] == 200


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines of the server, shorter."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(server_module, "BODY_SECONDS", 1.0)


def threads() -> int:
    return threading.active_count()


def wait_until(is_so: Callable[[], bool], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_b12_half_sent_heads_lock_nobody_out(quick: None, server: Served) -> None:
    before = threads()
    halves = [server.connect() for _ in range(300)]
    try:
        for connection in halves:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x")
        asked = time.monotonic()
        assert send(server, get(server))[0] == 200  # now, not after the deadline
        assert time.monotonic() - asked < 0.9
        for connection in halves:
            assert read(connection)[0] in (0, 400)
        wait_until(lambda: threads() <= before)
    finally:
        for connection in halves:
            connection.close()


def test_b12_whoever_goes_on_sending_after_its_refusal_locks_nobody_out(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "DRAIN_SECONDS", 60)  # only making room helps
    before = threads()
    loud = [server.connect() for _ in range(300)]
    try:
        for connection in loud:
            with suppress(OSError):  # one that had to go already
                connection.sendall(b"GET /x HTTP/1.1\r\nHost: zzz\r\n\r\n" + b"x" * 20_000)
        assert send(server, get(server))[0] == 200
    finally:
        for connection in loud:
            connection.close()
    wait_until(lambda: threads() <= before)


def test_b12_the_deadline_is_for_the_whole_head(quick: None, server: Served) -> None:
    with server.connect() as connection:
        began = time.monotonic()
        try:
            for letter in get(server).decode()[:-1]:
                connection.sendall(letter.encode())
                time.sleep(0.05)
        except OSError:
            pass
        assert read(connection)[0] == 0
        assert time.monotonic() - began < 4


def test_a_slow_body_ends_as_well(quick: None, server: Served) -> None:
    before = threads()
    with server.connect() as connection:
        connection.sendall(post(server, "Content-Length: 10\r\n", b"tok"))
        assert read(connection)[0] in (0, 400, 500)
    wait_until(lambda: threads() <= before)


@pytest.mark.parametrize("is_known", [True, False])
def test_s10_bodies_that_never_come_hold_nobody_up(server: Served, *, is_known: bool) -> None:
    """By the deadline alone, all places would be taken for half a minute."""
    before = threads()
    cookie = f"Cookie: {server.cookie}\r\n" if is_known else ""
    silent = [server.connect() for _ in range(300)]
    try:
        for connection in silent:
            with suppress(OSError):  # one that had to go already
                connection.sendall(
                    post(server, f"{cookie}Content-Length: 100\r\n", b"x", "/" if is_known else "/login")
                )
        assert send(server, get(server))[0] == 200
        assert 1 <= server.server.bodies.count <= body_limits.MOST_OF_ONE
        body = b"token=none"
        assert send(server, post(server, f"Content-Length: {len(body)}\r\n", body))[0] in (200, 303, 400, 401, 403)
    finally:
        for connection in silent:
            connection.close()
    wait_until(lambda: threads() <= before)


def test_s10_so_many_bodies_are_waited_for_and_the_oldest_goes_first() -> None:
    gone: list[str] = []
    waiting = body_limits.Bodies(gone.append)
    with ExitStack() as stack:
        for number in range(body_limits.MOST_OF_ONE + 2):
            stack.enter_context(waiting.wait(f"a{number}", "a"))
        assert gone == ["a0", "a1"]
        stack.enter_context(waiting.wait("b0", "b"))
        assert gone == ["a0", "a1"]  # another's bodies cost nobody his place
        for number in range(body_limits.MOST):
            stack.enter_context(waiting.wait(f"c{number}", f"c{number}"))
        assert waiting.count == body_limits.MOST
        assert gone[2:4] == ["a2", "a3"]
    assert waiting.count == 0


def test_s10_a_body_that_stands_still_ends_before_its_whole_time_is_over(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "BODY_SECONDS", 10_000)
    monkeypatch.setattr(server_module, "BODY_STALL", 0.3)
    with server.connect() as connection:
        connection.sendall(post(server, "Content-Length: 10\r\n", b"tok"))
        assert read(connection)[0] in (0, 400, 500)


def test_s9_a_head_of_very_many_cookies_is_refused_unread(server: Served) -> None:
    for header in ("Cookie: " + "a=1;" * 500, "Cookie: " + ";" * 8000, "Cookie: a\r\n" * 50 + "Cookie: " + "," * 380):
        status, head, _ = send(server, get(server, more=f"{header}\r\n"))
        assert (status, b"Clear-Site-Data" in head or b"Set-Cookie" in head) == (431, True)
    assert send(server, get(server, more="Cookie: " + "; ".join(f"c{n}=1" for n in range(180)) + "\r\n"))[0] == 200


def test_a_reader_that_does_not_read_frees_its_thread(
    monkeypatch: pytest.MonkeyPatch, app: Flask, server: Served
) -> None:
    monkeypatch.setattr(server_module, "WRITE_SECONDS", 1.0)
    app.add_url_rule("/large", "large", lambda: b"a" * 50_000_000)
    before = threads()
    with server.connect() as connection:
        connection.sendall(get(server, "/large", f"Cookie: {server.cookie}\r\n"))
        wait_until(lambda: threads() > before)
        wait_until(lambda: threads() <= before)


def test_the_oldest_that_has_not_asked_goes_first(app: Flask, sessions: Sessions) -> None:
    serving = Server(listen(0), lambda host: guard(app, sessions, host), most=3)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    address = serving.socket.getsockname()[:2]
    held = [socket.create_connection(address, timeout=5) for _ in range(4)]
    try:
        assert held[0].recv(1) == b""  # the first one was closed for the fourth
        held[1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read(held[1])[0] == 421  # the others live
    finally:
        for connection in held:
            connection.close()
        serving.shutdown()
        thread.join(5)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "::", "0", "0x0", "0.0", "::0", "::ffff:0.0.0.0", "", "192.168.1.5", "hostname"),  # noqa: S104
        *("localhost", "127.1", "::1%lo", "[::1]", "127.0.0.1 "),
    ],
)
def test_a10_it_listens_nowhere_else(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_address(address)
    assert int(refused.value.exit_code) == 2
    assert "--ipv4" in refused.value.todo


@pytest.fixture
def v4() -> Iterator[socket.socket]:
    with listen(0, ipv4=True) as listening:
        yield listening


def test_it_listens_on_ipv4_when_asked(v4: socket.socket) -> None:
    assert v4.getsockname()[0] == "127.0.0.1"


def test_it_listens_on_ipv4_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    real = server_module._listen_on

    def no_ipv6(address: str, port: int) -> socket.socket:
        if address == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "no such address")
        return real(address, port)

    monkeypatch.setattr(server_module, "_listen_on", no_ipv6)
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_b16_the_port_cannot_be_shared(v4: socket.socket) -> None:
    port = v4.getsockname()[1]
    with pytest.raises(OSError) as taken:
        listen(port, ipv4=True)
    assert taken.value.errno == errno.EADDRINUSE
    with socket.socket() as second:
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            second.bind(("127.0.0.1", port))
    assert not v4.get_inheritable()


def test_only_the_loopback_may_connect(server: Served) -> None:
    for peer in ("192.168.5.15", "10.0.0.1", "fe80::1%eth0", "fd00::1", "x", "::ffff:10.0.0.1"):
        assert not server.server.verify_request(object(), (peer, 1))


def test_out_of_threads_refuses_and_recovers(monkeypatch: pytest.MonkeyPatch, server: Served) -> None:
    """R24."""
    real, left = threading.Thread.start, [3]

    def start(thread: threading.Thread) -> None:
        if "process_request_thread" in thread.name and left[0]:
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert [send(server, get(server))[0] for _ in range(4)] == [0, 0, 0, 200]


def test_the_head_of_a_request_is_data() -> None:
    head = parse_head(b"GET /a?b HTTP/1.1\r\n", [b"Host:x\r\n", b"X-A: \xe9 b \r\n", b"x-a: c\r\n"])
    assert (head.method, head.target, head.version) == ("GET", "/a?b", "HTTP/1.1")
    assert head.headers.get_all("x-a") == ["é b", "c"]
    with pytest.raises(BadHead):
        parse_head(b"GET /a HTTP/1.1\r\n", [b"A: b\r\n\r\n"])
    assert HEADER_LINES == 100
