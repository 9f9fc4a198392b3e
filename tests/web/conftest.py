"""The dashboard for tests: the app behind its guard, a browser that is logged in, and a real server on a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule
from werkzeug.test import Client, TestResponse

from dvmweb.errors import NotFound
from dvmweb.paths import from_environment
from dvmweb.recipes.header import parse_header
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.app import create_app
from dvmweb.web.server.guard import guard
from dvmweb.web.server.http_server import Server, listen
from dvmweb.web.server.sessions import SESSION, Session, Sessions
from dvmweb.web.server.websockets import outermost
from dvmweb.web.terminals import list_pages as terminal_list_pages
from dvmweb.web.terminals import pages as terminal_pages
from tests.journey.cli import sibling
from tests.journey.cli.home import WARM
from tests.places import TOP
from tests.terminals.conftest import DvmHome, end

ROOT = TOP
HOST = "[::1]:8722"
FORBIDDEN = ("access-control-", "server")


class Browser(Client):
    """A browser at the guarded app: knows the secret path, its host, its cookie and its CSRF token.

    Paths are below the prefix: `client.get("/jobs")`. A POST carries Origin and the CSRF token unless told otherwise
    (`csrf=False`); `headers=` and `environ_overrides=` win over what it would send.
    """

    def __init__(self, app: Any, sessions: Sessions, *, logged_in: bool) -> None:
        super().__init__(app, use_cookies=False)
        self.sessions = sessions
        self.session_id = sessions.login(sessions.issue_login()) if logged_in else None

    @property
    def session(self) -> Session:
        found = self.sessions.find(self.session_id or "")
        assert found is not None
        return found

    @property
    def cookie(self) -> str:
        return f"{self.sessions.cookie_name}={self.session_id}"

    def open(self, *args: Any, csrf: bool = True, **settings: Any) -> TestResponse:
        path, *rest = args
        method = settings.get("method", "GET")
        headers = {"Host": HOST, "Sec-Fetch-Site": "same-origin"}
        if self.session_id:
            headers["Cookie"] = self.cookie
        if method != "GET":
            headers["Origin"] = f"http://{HOST}"
            settings.setdefault("data", {})
            if settings["data"] == {}:
                settings["content_type"] = settings.get("content_type", "application/x-www-form-urlencoded")
            if csrf and self.session_id and self.sessions.find(self.session_id):
                headers["X-CSRF-Token"] = self.sessions.csrf_token(self.session)
        given = dict(settings.pop("headers", {}) or {})
        merged = {name: value for name, value in {**headers, **given}.items() if value is not None}
        answer = super().open(self.sessions.prefix + path, *rest, headers=merged, **settings)
        assert not [name for name, _ in answer.headers if name.lower().startswith(FORBIDDEN)]  # A12
        return answer


class Compiled(BytecodeCache):
    """Templates are compiled once for all tests of a worker, and not once for each app."""

    kept: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self.kept.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True)
def forked_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs and demo engines that a page starts are forked from a process that has their modules."""
    with_popen = SimpleNamespace(Popen=WARM.popen, PIPE=subprocess.PIPE)
    monkeypatch.setattr("dvmweb.jobs.starting.subprocess", with_popen)
    with_popen = SimpleNamespace(**{**vars(subprocess), "Popen": sibling.Popen})
    monkeypatch.setattr("dvmweb.lima.process.subprocess", with_popen)


@pytest.fixture(scope="session", autouse=True)
def headers_read_once() -> Iterator[None]:
    """The header of a recipe depends on its text alone, and each form reads all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dvmweb.recipes.catalog.parse_header", cache(parse_header))
        yield


@pytest.fixture(scope="session", autouse=True)
def addresses_compiled_once() -> Iterator[None]:
    """Each test has an app of its own, whose fifty addresses Werkzeug compiles; the result depends on these alone."""
    compiled = Rule._compile_builder
    kept: dict[tuple[Any, ...], Any] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, str(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compiled(rule, append_unknown)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: Lima's socket rule counts every character of it."""
    folder = Path(tempfile.mkdtemp(prefix="dvm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "DVM_ENGINE": "demo", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def vms(environ: dict[str, str]) -> Vms:
    return Vms(from_environment(environ), environ)


@pytest.fixture
def sessions(vms: Vms) -> Sessions:
    return Sessions(vms.paths.state / "web")


@pytest.fixture
def app(vms: Vms, sessions: Sessions) -> Iterator[Flask]:
    """The bare app; a request of its own test client has no session. Use `client`, or `within(app, ...)`."""
    app = create_app(vms, sessions)
    app.jinja_env.bytecode_cache = Compiled()
    yield app
    app.extensions["dvm"]["watch"].end()  # it must not write to a home that is removed


@pytest.fixture
def client(app: Flask, sessions: Sessions) -> Browser:
    """A browser that is logged in, through the guard."""
    return Browser(guard(outermost(app), sessions, HOST), sessions, logged_in=True)


@pytest.fixture
def stranger(app: Flask, sessions: Sessions) -> Browser:
    """A browser that knows the secret path but has no session."""
    return Browser(guard(outermost(app), sessions, HOST), sessions, logged_in=False)


def within(app: Flask, sessions: Sessions, path: str = "/") -> Any:
    """A request context with a session, to render a template or call a view directly."""
    session = sessions.find(sessions.login(sessions.issue_login()) or "")
    return app.test_request_context(path, environ_overrides={SESSION: session, "SCRIPT_NAME": sessions.prefix})


@dataclass
class Served:
    """A real server and a browser's cookie for it."""

    server: Server
    app: Flask
    vms: Vms
    sessions: Sessions
    session_id: str

    @property
    def host(self) -> str:
        """As in a Host header: "[::1]:49152"."""
        return self.server.host_header

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def url(self) -> str:
        """With the secret path, no slash at the end."""
        return self.origin + self.sessions.prefix

    @property
    def cookie(self) -> str:
        return f"{self.sessions.cookie_name}={self.session_id}"

    @property
    def csrf(self) -> str:
        session = self.sessions.find(self.session_id)
        assert session is not None
        return self.sessions.csrf_token(session)

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(self.server.socket.getsockname()[:2], timeout=10)


@contextmanager
def serving(app: Flask, vms: Vms, sessions: Sessions) -> Iterator[Served]:
    """A real server on a free port; nothing is logged to the terminal."""
    one = Server(listen(0), lambda host: guard(outermost(app), sessions, host))
    session_id = sessions.login(sessions.issue_login())
    assert session_id
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Served(one, app, vms, sessions, session_id)
    finally:
        app.extensions["dvm"]["sockets"].close_all()
        one.shutdown()
        thread.join(5)


@pytest.fixture
def server(app: Flask, vms: Vms, sessions: Sessions) -> Iterator[Served]:
    """The real server, demo engine."""
    with serving(app, vms, sessions) as one:
        yield one


def a_vm(kind: str = "managed", status: str = "Running", problem: str = "") -> Vm:
    return Vm("app", kind, status, None, None, problem, None, None, None)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of VMs says that `app` runs."""

    def find(name: str, _patience: float = 0.0) -> Vm:
        if name != "app":
            raise NotFound(f"There is no VM {name}.")
        return a_vm()

    monkeypatch.setattr(terminal_pages, "_find", find)
    monkeypatch.setattr(terminal_list_pages, "find_vm", find)


@pytest.fixture
def keeper(vms: Vms, running: None) -> Iterator[DvmHome]:
    """A keeper of plain shells for the dashboard's state folder."""
    dvm_home = DvmHome(vms.paths, vms.environ)
    dvm_home.paths.state.mkdir(parents=True, mode=0o700, exist_ok=True)
    dvm_home.keeper()
    try:
        yield dvm_home
    finally:
        for process in dvm_home.keepers:
            end(process)
