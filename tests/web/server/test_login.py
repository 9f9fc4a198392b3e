"""The way in and out, as a browser takes it (threats.md B, G10)."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from dvmweb.verbs.vms import Vms
from dvmweb.web.server.sessions import Sessions
from tests.web.conftest import Browser


def test_the_login_page_holds_nothing(app: Flask, vms: Vms, stranger: Browser) -> None:
    page = stranger.get("/login", headers={"Cookie": "dvm_x=canary"})
    assert page.status_code == 200
    for word in ("canary", "csrf", str(vms.paths.home), "0.1.0", "Demo", "demo"):
        assert word not in page.text
    assert "Set-Cookie" not in page.headers
    assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", page.text)


def test_the_login_page_loads_only_what_is_served_without_a_session(stranger: Browser) -> None:
    page = stranger.get("/login").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    prefix = stranger.sessions.prefix
    found = [stranger.get(link.removeprefix(prefix)) for link in links if link != "data:,"]
    assert [answer.status_code for answer in found] == [200, 200]
    assert {answer.mimetype for answer in found} == {"text/css", "text/javascript"}
    assert all(answer.text.strip() for answer in found)
    assert "url(" not in next(answer.text for answer in found if answer.mimetype == "text/css")


@pytest.mark.parametrize("part", ["", "x", "../app", "script/../x", "secret.json", "STYLE"])
def test_only_its_own_parts_are_served(stranger: Browser, part: str) -> None:
    assert stranger.get(f"/login?part={part}").status_code == 404


def test_logging_in_sets_one_strict_cookie_below_the_secret_path(stranger: Browser) -> None:
    prefix = stranger.sessions.prefix
    answer = stranger.post("/login", data={"token": stranger.sessions.issue_login()})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{prefix}/"
    (cookie,) = answer.headers.getlist("Set-Cookie")
    words = {word.strip() for word in cookie.split(";")[1:]}
    assert {"HttpOnly", "SameSite=Strict", f"Path={prefix}/"} <= words
    assert not [word for word in words if word.lower().startswith("domain")]
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == stranger.sessions.cookie_name
    assert stranger.get("/nothing", headers={"Cookie": f"{name}={value}"}).status_code == 404


@pytest.mark.parametrize("token", ["", "wrong-token", "\0", "é", "a" * 10_000])
def test_b01_a_wrong_token_is_401(stranger: Browser, token: str) -> None:
    answer = stranger.post("/login", data={"token": token})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "dvm web --url" in answer.text
    assert token == "" or token not in answer.text


def test_b02_a_token_is_good_once(stranger: Browser) -> None:
    token = stranger.sessions.issue_login()
    assert stranger.post("/login", data={"token": token}).status_code == 303
    again = stranger.post("/login", data={"token": token})
    assert again.status_code == 401
    assert again.text == stranger.post("/login", data={"token": "never-was"}).text  # nobody learns that it was one
    for word in ("already used", "older than 5 min", "another dashboard", "Get a new address"):
        assert word in again.text


def test_a_whole_address_can_be_pasted(stranger: Browser) -> None:
    token = stranger.sessions.issue_login()
    address = f"  http://[::1]:8722{stranger.sessions.prefix}/login#{token}\n"
    assert stranger.post("/login", data={"token": address}).status_code == 303


def test_ten_tries_a_minute(stranger: Browser) -> None:
    codes = [stranger.post("/login", data={"token": "x"}).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    assert stranger.post("/login", data={"token": stranger.sessions.issue_login()}).status_code == 429


def test_a_token_in_the_address_is_not_taken(stranger: Browser) -> None:
    token = stranger.sessions.issue_login()
    assert stranger.post(f"/login?token={token}").status_code == 401
    assert stranger.get(f"/login?token={token}").status_code == 200
    assert stranger.sessions.login(token) is not None


def test_logging_out(client: Browser, sessions: Sessions) -> None:
    answer = client.post("/logout")
    assert answer.status_code == 200
    assert "You are logged out" in answer.text
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert client.get("/").status_code == 401
    assert sessions.find(client.session_id or "") is None


def test_logging_out_everywhere_moves_the_dashboard(client: Browser, sessions: Sessions) -> None:
    other = Browser(client.application, sessions, logged_in=True)
    old_path, old_cookie = sessions.prefix, client.cookie
    answer = client.post("/logout-everywhere")
    assert answer.status_code == 200
    assert f"Path={old_path}/" in answer.headers["Set-Cookie"]
    assert sessions.prefix != old_path
    assert sessions.prefix not in answer.text  # nobody is logged in who might know it
    assert client.get("/", headers={"Cookie": old_cookie}).status_code == 401
    assert other.get("/").status_code == 401
    gone = super(Browser, client).open(f"{old_path}/login", headers={"Host": "[::1]:8722"})
    assert gone.status_code == 404


def test_the_page_for_somebody_without_a_session_says_what_to_do(stranger: Browser) -> None:
    answer = stranger.get("/vms/secret-name")
    assert answer.status_code == 401
    assert "dvm web --url" in answer.text
    assert "secret-name" not in answer.text
    assert not re.search(r"<script|style=|\son\w+=", answer.text)


def test_the_script_takes_the_token_out_of_the_address_bar(app: Flask) -> None:
    """G10; that it works is for the browser tests."""
    from pathlib import Path

    script = (Path(app.static_folder or "") / "js" / "ui" / "login.js").read_text("utf-8")
    assert "location.hash" in script
    assert "replaceState" in script
    assert "Storage" not in script
