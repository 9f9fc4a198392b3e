"""The life of `dvm web` as a process: start, second start, taken port, fresh address, end (threats.md A, B, G, R)."""

from __future__ import annotations

import errno
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask

from dvmweb.errors import NotFound, PortTaken
from dvmweb.host_ports import holder, socket_rows
from dvmweb.paths import own_command
from dvmweb.verbs.vms import Vms
from dvmweb.web import dashboard
from dvmweb.web.dashboard import Dashboard, Face
from dvmweb.web.server import redirect_file, running_dashboard
from dvmweb.web.server.http_server import listen
from dvmweb.web.server.redirect_file import remove_redirect, write_redirect
from dvmweb.web.server.running_dashboard import Running
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.websockets import Sockets
from tests.web.conftest import Browser

ADDRESS = re.compile(r"http://(\S+?)(/d/[0-9a-f]{32})/login#(\S+)")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())


def free_port() -> int:
    with listen(0) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Started:
    """A `dvm web` that runs."""

    process: subprocess.Popen[str]
    port: int
    text: str  # what it said until its address

    @property
    def address(self) -> tuple[str, str, str]:
        found = ADDRESS.search(self.text)
        assert found
        return found[1], found[2], found[3]

    def end(self, number: int = signal.SIGTERM) -> float:
        """Seconds until it had ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        return time.monotonic() - began


Start = Callable[..., Started]


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    started: list[Started] = []

    def run(*words: str, port: int = 0, umask: int = 0o022, most_files: int = 0, **more: str) -> Started:
        port = port or free_port()
        argv = (sys.executable, "-P", "-m", "dvmweb", "web", "--port", str(port), *words)
        if most_files:
            argv = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(most_files), *argv)
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**environ, **more}, umask=umask
        )
        assert process.stdout
        text = ""
        while not ADDRESS.search(text):
            line = process.stdout.readline()
            assert line, f"dvm web ended: {text}"
            text += line
        one = Started(process, port, text)
        started.append(one)
        return one

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(5)
        if one.process.stdout:
            one.process.stdout.close()


def dvm(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-P", "-m", "dvmweb", "web", *words)
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30, check=False)


def ask(address: str, method: str = "GET", data: dict[str, str] | None = None, **headers: str) -> tuple[int, str, Any]:
    """A request without following redirects: status, text, headers."""
    host = address.split("/")[2]
    body = urllib.parse.urlencode(data or {}).encode() if method == "POST" else None
    if method == "POST":
        headers = {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded", **headers}
    request = urllib.request.Request(address, body, headers, method=method)  # noqa: S310

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def log_in(host: str, prefix: str, token: str) -> str:
    """The cookie of a new session."""
    status, _, headers = ask(f"http://{host}{prefix}/login", "POST", {"token": token})
    assert status == 303
    return str(headers["Set-Cookie"]).partition(";")[0]


def test_from_start_to_end(start: Start, environ: dict[str, str], vms: Vms) -> None:
    one = start("--no-open")
    host, prefix, token = one.address
    assert host == f"[::1]:{one.port}"
    assert f"listens on {host}" in one.text
    assert "Demo engine" in one.text
    cookie = log_in(host, prefix, token)
    assert ask(f"http://{host}{prefix}/nothing", Cookie=cookie)[0] == 404
    assert ask(f"http://{host}{prefix}/login", "POST", {"token": token})[0] == 401  # once

    other = dvm(environ, "--url")
    fresh = ADDRESS.search(other.stdout)
    assert fresh
    assert other.returncode == 0
    assert log_in(*fresh.groups())

    second = dvm(environ, "--no-open")
    assert second.returncode == 4  # R22
    assert f"http://{host} (process {one.process.pid})" in second.stderr
    assert prefix not in second.stderr + second.stdout
    assert second.stdout == ""

    halves = [socket.create_connection(("::1", one.port)) for _ in range(3)]
    assert one.end() < 2  # R21
    assert one.process.returncode == 0
    for half in halves:
        half.close()
    with listen(one.port):  # B16: nobody still listens
        pass
    assert dvm(environ, "--url").returncode == 3
    log = (vms.paths.state / "web" / "log").read_text()
    assert "POST /d/…/login" in log
    assert not [word for word in (prefix, token, cookie.partition("=")[2], "Traceback") if word in log]


def test_it_comes_back_after_kill_9_with_its_sessions(start: Start, environ: dict[str, str]) -> None:
    one = start("--no-open")
    host, prefix, token = one.address
    cookie = log_in(host, prefix, token)
    one.end(signal.SIGKILL)
    assert dvm(environ, "--url").returncode == 3
    two = start("--no-open", port=one.port)
    assert two.address[:2] == (host, prefix)
    assert ask(f"http://{host}{prefix}/nothing", Cookie=cookie)[0] == 404


def test_ipv4_by_flag(start: Start) -> None:
    one = start("--no-open", "--ipv4")
    assert one.address[0] == f"127.0.0.1:{one.port}"
    assert ask(f"http://{one.address[0]}{one.address[1]}/login")[0] == 200


def test_a11_a_taken_port(environ: dict[str, str], vms: Vms) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        said = dvm(environ, "--no-open", "--port", str(port))
    assert said.returncode == 8
    assert f"Port {port} is taken by" in said.stderr
    assert f"(process {os.getpid()})" in said.stderr
    assert psutil.Process().name() in said.stderr
    assert f"make run PORT={port + 10}" in said.stderr
    assert said.stdout == ""
    assert running_dashboard.read(vms.paths) is None


def test_the_demo_has_a_port_of_its_own_and_takes_the_next_free_one(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def taken(port: int, *, ipv4: bool) -> None:
        asked.append(port)
        raise OSError(errno.EADDRINUSE, "taken")

    monkeypatch.setattr(dashboard, "listen", taken)
    for _ in range(2):  # the folder is free again after a start that failed
        with pytest.raises(PortTaken):
            dashboard.run(vms, Face(lambda _: None))
    assert asked == [*range(8723, 8743)] * 2
    assert running_dashboard.PORT == 8722


def test_a_port_that_nobody_asked_for_gives_way_and_says_to_whom() -> None:
    said: list[str] = []
    with listen(0) as taken:
        usual = taken.getsockname()[1]
        with dashboard._listen(range(usual, usual + 20), False, said.append) or pytest.fail("none is free") as found:
            port = found.getsockname()[1]
        assert dashboard._listen(range(usual, usual + 1), False, said.append) is None
    assert port > usual
    who = f"{psutil.Process().name()} (process {os.getpid()})"
    assert said == [f"Port {usual} is in use by {who}; the dashboard uses {port} instead."]


def test_a_hint_names_a_command_that_can_be_typed(environ: dict[str, str], tmp_path: Path) -> None:
    own = Path(sys.prefix) / "bin" / "dvm"
    if not own.is_file():
        pytest.skip("dvm is not installed beside this Python (make setup does it)")
    assert own_command({"PATH": str(tmp_path)}) == str(own)
    (tmp_path / "dvm").write_text("#!/bin/sh\n")
    (tmp_path / "dvm").chmod(0o755)
    assert own_command({"PATH": str(tmp_path)}) == str(own), "that is another dvm"
    assert own_command({"PATH": str(own.parent)}) == "dvm"


def test_an_error_says_where_dvm_is_when_path_does_not(environ: dict[str, str]) -> None:
    own = Path(sys.prefix) / "bin" / "dvm"
    if not own.is_file():
        pytest.skip("dvm is not installed beside this Python (make setup does it)")
    note = f"(dvm is not on your PATH; it is {own})"
    for path, is_told in (("/usr/bin:/bin", True), (f"{own.parent}:/usr/bin:/bin", False)):
        said = subprocess.run((own, "web", "--url"), env={**environ, "PATH": path}, capture_output=True, text=True)
        assert said.returncode == 3
        assert "Start it: dvm web" in said.stderr
        assert (note in said.stderr.splitlines()) == is_told


# The kernel writes more columns; they are not read.
TCP6 = """\
  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 00000000000000000000000001000000:2213 00000000000000000000000000000000:0000 0A 0:0 00:0 0  4242 0 77 1
   1: 00000000000000000000000001000000:2214 00000000000000000000000001000000:9999 01 0:0 00:0 0  1000 0 78 1
""".splitlines()


@pytest.mark.parametrize(("port", "uid"), [(0x2213, 4242), (0x2214, None), (80, None)])
def test_the_kernel_tells_whose_a_port_is(port: int, uid: int | None) -> None:
    rows = {row[0]: row[2] for row in socket_rows("\n".join(TCP6), None)}
    assert rows.get(port) == uid


SERVE = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
served = socket.create_server(("::1", 0), family=socket.AF_INET6)
print(served.getsockname()[1], flush=True)
input()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two users")
@pytest.mark.parametrize("asks", [0, 65534], ids=["root asks", "they ask"])
@pytest.mark.parametrize("serves", [1, 65534])
def test_a_port_of_another_person_is_said_to_be_theirs(serves: int, asks: int) -> None:
    user = pwd.getpwuid(serves).pw_name
    argv = (sys.executable, "-c", SERVE, str(serves))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port, program = int(other.stdout.readline()), psutil.Process(other.pid).name()
        os.seteuid(asks)
        try:
            said = holder(port)
        finally:
            os.seteuid(0)
        if asks == 0:
            assert said == f"{program} (process {other.pid}, user {user})"
        elif asks == serves:
            assert said in (f"{program} (process {other.pid})", "one of your programs")
        else:
            assert said == f"a program of the user {user}"
        other.communicate("\n")


def test_b17_no_debugger_whatever_the_environment_says(start: Start) -> None:
    one = start("--no-open", FLASK_DEBUG="1", FLASK_ENV="development", WERKZEUG_DEBUG_PIN="off", FLASK_APP="x")
    host, prefix, token = one.address
    cookie = log_in(host, prefix, token)
    for path in ("/console", "/nothing?__debugger__=yes&cmd=resource&f=debugger.js"):
        status, text, headers = ask(f"http://{host}{prefix}{path}", Cookie=cookie)
        assert status == 404
        assert "Server" not in headers
        assert "erkzeug" not in text


def test_r23_a_thread_that_fails_is_seen_and_the_dashboard_still_answers(
    client: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    dashboard._collect_faults(app.extensions["dvm"]["faults"])
    assert client.get("/healthz").text == "ok\n"

    def fail() -> None:
        raise RuntimeError("<b>a guest's words</b>")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (fault,) = app.extensions["dvm"]["faults"]
    health = client.get("/healthz")
    assert (health.status_code, fault in health.text) == (503, True)
    page = client.get("/").text
    assert f"report error ID {fault}" in page
    assert "guest&#39;s words" not in page


def test_r24_out_of_descriptors_it_refuses_and_recovers(start: Start) -> None:
    one = start("--no-open", most_files=64)
    host, prefix, token = one.address
    cookie = log_in(host, prefix, token)
    halves = [socket.create_connection(("::1", one.port)) for _ in range(120)]
    for half in halves:
        half.sendall(b"GET / HTTP/1.1\r\n")
    wait_until(lambda: _answers(f"http://{host}{prefix}/jobs", cookie), 30)
    for half in halves:
        half.close()
    assert one.process.poll() is None


def _answers(address: str, cookie: str) -> bool:
    try:
        return ask(address, Cookie=cookie)[0] == 200
    except OSError:
        return False


def test_g01_whatever_the_umask(start: Start, vms: Vms) -> None:
    one = start("--no-open", umask=0)
    log_in(*one.address)
    found = [vms.paths.state, *vms.paths.state.rglob("*")]
    assert len(found) > 5
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_g05_the_address_stands_in_no_command_line(start: Start, home: Path, tmp_path: Path) -> None:
    downloads = home / "Downloads"
    downloads.mkdir(mode=0o755)
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nfor word; do echo "$word"; done > {tmp_path}/new\nmv {tmp_path}/new {tmp_path}/argv\nsleep 5\n'
    )
    browser.chmod(0o755)
    one = start(BROWSER=f"{browser} %s")
    host, prefix, _ = one.address
    wait_until((tmp_path / "argv").exists)
    opened = Path((tmp_path / "argv").read_text().strip().removeprefix("file://"))
    assert opened.parent == downloads
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    found = ADDRESS.search(opened.read_text())
    assert found
    _, _, token = found[1], found[2], found[3].partition('"')[0]
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        assert prefix not in line
        assert token not in line
    log_in(host, prefix, token)
    wait_until(lambda: not opened.exists())


def wait_until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class FakeServer:
    """Knows where it would listen."""

    host_header = "[::1]:8722"


def test_after_15_seconds_it_says_what_to_try(vms: Vms, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dashboard.PATIENCE == 15
    monkeypatch.setattr(dashboard, "PATIENCE", 0.01)
    monkeypatch.setattr(dashboard, "LOGIN_SECONDS", 0.05)
    said: list[str] = []
    server: Any = FakeServer()
    one = Dashboard(vms, Face(said.append), sessions, server, Sockets(sessions.is_live))
    one._wait_for_login()
    (text,) = said
    found = ADDRESS.search(text)
    assert found
    assert sessions.login(found[3]) is not None
    assert "ssh -L 8722:[::1]:8722" in text
    assert "--ipv4" in text
    one._logged_in()
    one._wait_for_login()
    assert len(said) == 1


def test_a_file_of_a_killed_dashboard_is_removed(vms: Vms, home: Path) -> None:
    left = write_redirect(home, home, "http://x/login#t")
    precious = home / "precious.html"
    precious.write_text("x")
    running_dashboard.write(vms.paths, Running(1, "[::1]:1", str(left)))
    dashboard._forget_last(vms)
    assert not left.exists()
    running_dashboard.write(vms.paths, Running(1, "[::1]:1", str(precious)))
    dashboard._forget_last(vms)
    assert precious.exists()


def test_where_the_file_lies(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = home / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setattr(sys, "platform", "linux")
    home.chmod(0o755)
    assert write_redirect(home, state, "x").parent == home
    (home / "Downloads").mkdir(mode=0o755)
    assert write_redirect(home, state, "x").parent == home / "Downloads"
    (home / "Téléchargements").mkdir(mode=0o755)
    (home / ".config").mkdir()
    (home / ".config" / "user-dirs.dirs").write_text('# x\nXDG_DOWNLOAD_DIR="$HOME/Téléchargements"\n')
    assert write_redirect(home, state, "x").parent == home / "Téléchargements"
    (home / "Téléchargements").chmod(0o777)
    assert write_redirect(home, state, "x").parent == home
    home.chmod(0o777)
    assert write_redirect(home, state, "x").parent == state
    monkeypatch.setattr(sys, "platform", "darwin")
    assert write_redirect(home, state, "x").parent == state


def test_the_file_is_private_and_escapes_its_address(home: Path) -> None:
    old = os.umask(0)
    try:
        path = write_redirect(home, home, 'http://x/"><script>')
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "<script>" not in path.read_text()
    assert re.fullmatch(redirect_file.NAME.format("[0-9a-f]{16}"), path.name)
    remove_redirect(path)
    remove_redirect(path)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "host": 2}'])
def test_a_broken_note_is_no_note(vms: Vms, text: str) -> None:
    (running_dashboard.folder(vms.paths) / "running.json").write_text(text)
    assert running_dashboard.read(vms.paths) is None
    with pytest.raises(NotFound):
        running_dashboard.fresh_address(vms.paths)
