"""The guard over every rule that the app has: hosts, paths, sites, origins, sessions, forms, headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, url_for
from werkzeug.routing import Rule

from dvmweb.web.server.guard import CONTENT_POLICY, HEADERS, complete
from dvmweb.web.server.sessions import Sessions
from tests.web.conftest import HOST, Browser

ORIGIN = f"http://{HOST}"
BAD_HOSTS = [
    *("evil.example", "0.0.0.0:8722", "127.0.0.1", "127.0.0.1:8723", "127.0.0.1:8722", "[::]:8722", "127.1:8722"),
    *("2130706433", "0x7f.1", "localhost.evil:8722", "localhost:8722", "127.0.0.1@evil", "", " ", "[::1]:8722 "),
    *("[::1]", "[::1]:8723", "[0:0:0:0:0:0:0:1]:8722", "[::1]:8722,[::1]:8722", "[::1]:08722"),
]
BAD_ORIGINS = [
    *(None, "null", "", "http://evil", "http://[::1]:8723", "https://[::1]:8722", "HTTP://[::1]:8722"),
    *("http://[::1]:8722.evil.com", "http://[::1]", "http://[::1]:872", "http://127.0.0.1:8722", f"{ORIGIN}/"),
    f"{ORIGIN}, {ORIGIN}",
]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]


def rules(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


def path_of(rule: Rule) -> str:
    """An address that the rule matches."""
    _, path = rule.build({name: "static.css" if name == "filename" else "x" for name in rule.arguments}) or ("", "")
    return path


def fails(app: Flask) -> set[str]:
    """Addresses of every rule, and some that no rule has."""
    return {path_of(rule) for rule in rules(app)} | {
        "/favicon.ico",
        "/console",
        "/static/",
        "/x/y",
        "/",
        "//",
        "/login/",
    }


def test_a01_a_foreign_host_reaches_no_hook(app: Flask, client: Browser) -> None:
    seen: list[str] = []
    app.before_request(lambda: seen.append("hook"))
    answer = client.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert answer.data == b""
    assert "Set-Cookie" not in answer.headers
    assert not seen
    client.get("/")
    assert seen


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a02_only_our_exact_host(client: Browser, host: str) -> None:
    assert client.get("/login", headers={"Host": host}).status_code == 421


def test_a05_forwarding_headers_change_nothing(app: Flask, client: Browser) -> None:
    app.add_url_rule("/where", "where", lambda: url_for("where", _external=True))
    forged = {
        "X-Forwarded-Host": "evil",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "host=evil",
        "X-Forwarded-Prefix": "/x",
    }
    assert client.get("/where", headers=forged).text == f"{ORIGIN}{client.sessions.prefix}/where"
    assert client.get("/where", headers={**forged, "Host": "evil"}).status_code == 421


def test_a06_every_unsafe_method_needs_our_origin(app: Flask, client: Browser) -> None:
    for path in fails(app):
        for method in UNSAFE:
            for origin in BAD_ORIGINS:
                answer = client.open(path, method=method, headers={"Origin": origin})
                assert answer.status_code == 403, (method, path, origin, answer.status)
                assert "Set-Cookie" not in answer.headers


def test_a06_other_methods_are_refused_with_our_origin_too(app: Flask, client: Browser) -> None:
    for path in fails(app):
        for method in UNSAFE[1:]:
            assert client.open(path, method=method).status_code == 405, (method, path)


def test_a07_an_upgrade_needs_our_origin_and_a_session(app: Flask, client: Browser, stranger: Browser) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    for path in fails(app):
        for origin in BAD_ORIGINS:
            for kind in ("websocket", "WebSocket", "h2c", "", "x"):
                asked = {**upgrade, "Upgrade": kind, "Origin": origin}
                assert client.get(path, headers=asked).status_code == 403, (path, origin, kind)
        assert stranger.get(path, headers={**upgrade, "Origin": ORIGIN}).status_code == 401, path
        assert client.get(path, headers={**upgrade, "Upgrade": "h2c", "Origin": ORIGIN}).status_code == 400
        assert client.post(path, headers=upgrade).status_code == 400


@pytest.mark.parametrize("site", ["same-site", "cross-site", "", "Same-Origin", "same-origin,same-site", "x"])
def test_a08_other_sites_get_nothing(app: Flask, client: Browser, site: str) -> None:
    navigation = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path in fails(app) - {"/login"}:
        for mode in ({}, navigation, {"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "iframe"}):
            assert client.get(path, headers={"Sec-Fetch-Site": site, **mode}).status_code == 403, path


@pytest.mark.parametrize(("site", "status"), [("none", 200), ("same-origin", 200), (None, 200)])
def test_a08_ours_is_let_in(client: Browser, site: Any, status: int) -> None:
    assert client.get("/login", headers={"Sec-Fetch-Site": site}).status_code == status


@pytest.mark.parametrize(
    ("mode", "destination", "status"),
    [("navigate", "document", 200), ("navigate", "iframe", 403), ("no-cors", "script", 403), ("cors", "empty", 403)],
)
def test_a08_the_login_page_opens_from_a_file_as_a_page_only(
    stranger: Browser, mode: str, destination: str, status: int
) -> None:
    asked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    assert stranger.get("/login", headers=asked).status_code == status
    assert stranger.get("/login?part=script", headers=asked).status_code == 403
    assert stranger.post("/login", headers=asked).status_code == 403


def test_a09_nothing_without_a_session(app: Flask, stranger: Browser) -> None:
    """A rule that was added a moment ago, without a mark, is refused as well."""
    app.add_url_rule("/new-rule", "new", lambda: "secret")
    names = [path.name for path in Path(app.static_folder or "").iterdir()]
    assert names
    for path in (fails(app) | {f"/static/{name}" for name in names} | {"/static/js/ui/login.js"}) - {"/login"}:
        for method in ("GET", "HEAD", "POST"):
            answer = stranger.open(path, method=method)
            assert answer.status_code == 401, (method, path)
            assert "secret" not in answer.text
            assert "Set-Cookie" not in answer.headers


def test_a09_nothing_without_the_secret_path(app: Flask, client: Browser) -> None:
    secret = client.sessions.prefix
    wrong = ["", "/d", secret[:-1], f"{secret}x", "/d/" + "0" * 32, secret.upper(), f"/{secret}", f"/x{secret}"]
    addresses = {prefix + path for prefix in wrong for path in fails(app)} | {secret, "/", "/d/", f"/..{secret}/"}
    for address in addresses:
        asked = {"Host": HOST, "Cookie": client.cookie, "Origin": ORIGIN}
        answer = super(Browser, client).open(address, headers=asked)
        assert answer.status_code == 404, address
        assert answer.data == b"Not found.\n"


def test_a09_control_characters_in_a_path_lead_nowhere(client: Browser) -> None:
    for path in ("/%00", "/vms/a%0ab", "/static/%0d%0a", "/jobs/%7f"):
        assert client.get(path).status_code == 404


def test_a18_every_answer_has_all_headers(app: Flask, client: Browser, stranger: Browser) -> None:
    app.add_url_rule("/boom", "boom", lambda: str(1 / 0))
    answers = [client.get(path) for path in fails(app) | {"/boom", "/nothing"}]
    answers += [
        stranger.get("/"),
        client.get("/", headers={"Host": "x"}),
        client.get("/", headers={"Sec-Fetch-Site": "x"}),
    ]
    answers += [client.post("/nothing"), client.post("/logout", csrf=False), stranger.get("/login?part=style")]
    assert {401, 403, 404, 421, 500} <= {answer.status_code for answer in answers}
    for answer in answers:
        for name, value in HEADERS:
            assert answer.headers.getlist(name) == [value], answer.request.path
        assert len(answer.headers.getlist("Content-Security-Policy")) == 1
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src")
        assert "Server" not in answer.headers
        if answer.mimetype == "text/html":
            assert answer.headers["Cache-Control"] == "no-store"


def test_a18_headers_of_a_view_do_not_weaken_ours() -> None:
    given = [("x-frame-options", "ALLOW"), ("Access-Control-Allow-Origin", "*"), ("Server", "x"), ("X-Own", "1")]
    made = complete(given)
    assert ("X-Own", "1") in made
    assert ("X-Frame-Options", "DENY") in made
    assert ("Content-Security-Policy", CONTENT_POLICY) in made
    assert not [name for name, _ in made if name in ("x-frame-options", "Access-Control-Allow-Origin", "Server")]
    assert complete([("Content-Security-Policy", "own")]).count(("Content-Security-Policy", "own")) == 1


@pytest.mark.parametrize("joint", ["; ", ",", ", ", ";", ";  "])
def test_b05_two_cookies_of_our_name(client: Browser, joint: str, caplog: pytest.LogCaptureFixture) -> None:
    other = f"{client.sessions.cookie_name}=x"
    for cookie in (client.cookie + joint + other, other + joint + client.cookie, client.cookie + joint + client.cookie):
        answer = client.get("/", headers={"Cookie": cookie})
        assert answer.status_code == 401
        assert "A page on another port" in answer.text
    assert answer.headers["Clear-Site-Data"] == '"cookies"'
    assert "two cookies of our name" in caplog.text
    assert client.sessions.prefix not in caplog.text


def test_b05_cookies_of_others_do_not_disturb(client: Browser) -> None:
    assert client.get("/login", headers={"Cookie": f"a=b; {client.cookie}; dvm_00000000=c"}).status_code == 200
    assert client.get("/nothing", headers={"Cookie": f"a=b; {client.cookie}; dvm_00000000=c"}).status_code == 404


def test_b08_every_form_needs_the_token_of_its_session(app: Flask, client: Browser, sessions: Sessions) -> None:
    other = Browser(client.application, sessions, logged_in=True)
    foreign = sessions.csrf_token(other.session)
    ours = sessions.csrf_token(client.session)
    for path in fails(app) - {"/login"}:
        assert client.post(path, csrf=False).status_code == 403, path
        for wrong in (foreign, "", "x", ours[:-1], ours.upper(), "é", f"{ours} "):
            assert client.post(path, data={"csrf": wrong}, csrf=False).status_code == 403, path
        assert client.post(f"{path}?csrf={ours}", csrf=False).status_code == 403, path
        assert client.post(path, csrf=False, headers={"X-CSRF-Token": foreign}).status_code == 403, path


def test_b08_the_token_is_taken_from_both_kinds_of_form_and_the_form_is_still_read(app: Flask, client: Browser) -> None:
    from flask import request

    app.add_url_rule("/echo", "echo", lambda: f"{request.form['word']} {len(request.files)}", methods=["POST"])
    token = client.sessions.csrf_token(client.session)
    form = {"csrf": token, "word": "naïve & co"}
    assert client.post("/echo", data=form, csrf=False).text == "naïve & co 0"
    made = client.post("/echo", data=form, csrf=False, content_type="multipart/form-data; boundary=x")
    assert made.text == "naïve & co 0"
    assert client.post("/echo", data={"word": "w"}).text == "w 0"  # by header


def test_b09_get_changes_nothing(app: Flask, client: Browser) -> None:
    posted = {rule.rule for rule in rules(app) if "POST" in (rule.methods or ())}
    got = {rule.rule for rule in rules(app) if "GET" in (rule.methods or ()) and not rule.websocket}
    only_posted = [rule for rule in rules(app) if rule.rule in posted - got]
    assert {"/logout", "/logout-everywhere"} <= {rule.rule for rule in only_posted}
    for rule in only_posted:
        answer = client.get(path_of(rule))
        assert answer.status_code == 405, rule.rule
        assert client.sessions.find(client.session_id or "") is not None


@pytest.mark.parametrize(
    "target", [r"\\evil", "//evil", r"/\evil", "https:///a", "%0d%0aSet-Cookie: a=b", "http://evil"]
)
def test_b10_no_redirect_leaves_the_secret_path(stranger: Browser, target: str) -> None:
    token = stranger.sessions.issue_login()
    answer = stranger.post(f"/login?next={target}", data={"token": token, "next": target})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{stranger.sessions.prefix}/"
    assert stranger.get(f"/{target}").status_code in (401, 404)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/json", 415), ("", 415), ("application/x-www-form-urlencodedx", 415)],
)
def test_only_forms_are_read(client: Browser, kind: str, status: int) -> None:
    assert client.post("/logout", data=b"a=b", content_type=kind).status_code == status


def test_b11_too_large_a_form(client: Browser) -> None:
    token = client.sessions.csrf_token(client.session)
    many = "&".join(["csrf=" + token, *(f"f{n}=1" for n in range(1001))])
    kind = "application/x-www-form-urlencoded"
    assert client.post("/logout", data=many, content_type=kind).status_code == 413
    assert client.post("/logout", data=b"a" * 1_000_001, content_type=kind).status_code == 413
    assert client.post("/logout", data={"csrf": token, "f": "a" * 600_000}, csrf=False).status_code == 413
    parts = {"csrf": token, **{f"f{n}": "1" for n in range(1001)}}
    kind = "multipart/form-data; boundary=x"
    assert client.post("/logout", data=parts, csrf=False, content_type=kind).status_code == 413
    broken = client.post("/logout", data=b"--x\r\nbroken", csrf=False, content_type=kind)
    assert broken.status_code in (400, 403)
    assert client.sessions.find(client.session_id or "") is not None


def test_b17_b18_a_fault_shows_its_number_and_nothing_else(
    app: Flask, client: Browser, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError("canary <script> /root/secret --token=x")

    app.add_url_rule("/boom", "boom", fail)
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.get("/boom", headers=headers)
        assert answer.status_code == 500
        for word in ("canary", "<script> ", "Traceback", "RuntimeError", "dvmweb/", "fail"):
            assert word not in answer.text
    assert "canary" not in caplog.text
    assert "fault" in caplog.text
    fault = caplog.text.split("fault ")[-1].partition(":")[0]
    assert fault in answer.text
    assert client.get("/console").status_code == 404


def test_a_body_that_fails_half_way_ends_the_connection(app: Flask, client: Browser) -> None:
    def chunks() -> Any:
        yield "a"
        raise RuntimeError("canary")

    app.add_url_rule("/half", "half", lambda: app.response_class(chunks()))
    with pytest.raises(ConnectionError):
        client.get("/half", buffered=True)


def test_the_log_has_one_line_and_no_secret(client: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """G09."""
    caplog.set_level("INFO", "dvmweb.web")
    client.post("/nothing%1b%0a?ticket=hidden", csrf=False)
    client.post("/jobs/a%E2%80%AEb?ticket=hidden")
    super(Browser, client).open("/x%0ay%1b[31m", headers={"Host": HOST})
    assert caplog.records
    for record in caplog.records:
        text = record.getMessage()
        assert client.sessions.prefix not in text
        assert not set("\n\r\x1b\u202e") & set(text)
        assert "hidden" not in text
