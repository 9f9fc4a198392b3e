"""N5: who opens the dashboard without its secret path is told how to get the address; a guest is told nothing new."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from dvmweb import __version__
from dvmweb.web.server.guard import HEADERS, guard
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.websockets import outermost
from tests.web.conftest import HOST, Browser

TYPED = {
    "Accept": "text/html,application/xhtml+xml",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
PORT = HOST.rpartition(":")[2]
NEAR = (f"localhost:{PORT}", f"127.0.0.1:{PORT}", HOST)
FAR = ("evil.example", f"evil.example:{PORT}", "localhost", "localhost:1", f"host.lima.internal:{PORT}", "")


def ask(app: Flask, sessions: Sessions, host: str, path: str = "/", at: str = HOST, **more: Any) -> TestResponse:
    """A request without the secret path to a dashboard that is served `at` an address."""
    headers = {"Host": host, **more.pop("headers", TYPED)}
    return Client(guard(outermost(app), sessions, at)).open(path, headers=headers, **more)


@pytest.mark.parametrize("host", NEAR)
@pytest.mark.parametrize("path", ["/", "/login", "/d/", f"/d/{'0' * 32}/", "/vms/app"])
def test_a_person_is_told_where_the_address_is_from(app: Flask, sessions: Sessions, host: str, path: str) -> None:
    answer = ask(app, sessions, host, path)
    assert answer.status_code == (404 if host == HOST else 421)
    assert "Open the address that <code>dvm web --url</code> prints." in answer.text
    for name, value in HEADERS:
        assert answer.headers.getlist(name) == [value]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_a_browser_that_sends_no_metadata_is_told_too(app: Flask, sessions: Sessions) -> None:
    for host in NEAR:
        assert "web --url" in ask(app, sessions, host, headers={"Accept": "text/html"}).text


def test_the_page_is_the_same_for_everybody_and_holds_nothing(app: Flask, sessions: Sessions, client: Browser) -> None:
    pages = {ask(app, sessions, host, path).text for host in NEAR for path in ("/", "/x", f"{sessions.prefix}x/")}
    (page,) = pages
    with_cookie = ask(app, sessions, HOST, headers={**TYPED, "Cookie": client.cookie}).text
    assert with_cookie == page
    for secret in (sessions.prefix, sessions.prefix.rpartition("/")[2], __version__, "demo", "app"):
        assert secret not in page.replace("web", "")


@pytest.mark.parametrize("host", FAR)
def test_another_host_is_told_nothing_as_before(app: Flask, sessions: Sessions, host: str) -> None:
    answer = ask(app, sessions, host)
    assert (answer.status_code, answer.data) == (421, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {**TYPED, "Upgrade": "websocket"},
    ],
)
def test_what_is_no_page_is_told_nothing_as_before(app: Flask, sessions: Sessions, headers: dict[str, str]) -> None:
    assert ask(app, sessions, NEAR[0], headers=headers).data == b""
    assert ask(app, sessions, HOST, headers=headers).data == b"Not found.\n"
    for method in ("POST", "PUT", "OPTIONS"):
        assert ask(app, sessions, NEAR[0], headers=TYPED, method=method).data == b""


def test_where_guests_reach_the_listener_dvm_is_not_named(app: Flask, sessions: Sessions) -> None:
    at = f"127.0.0.1:{PORT}"
    for host in NEAR:
        answer = ask(app, sessions, host, at=at)
        assert "--url" in answer.text
        assert "dvm" not in (answer.text + str(answer.headers)).lower()
