"""The terminal in the browser: its page, tickets, and the whole path from a WebSocket to a shell and back."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import websocket
from werkzeug.test import TestResponse

from dvmweb.names import new_id
from dvmweb.terminals import client
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.app import create_app
from dvmweb.web.server.guard import guard
from dvmweb.web.server.http_server import Server, listen
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.socket_tickets import LIFETIME, MOST, Tickets
from dvmweb.web.server.websockets import outermost
from dvmweb.web.terminals import pages as terminal_pages
from dvmweb.web.terminals.bridge import inbound
from dvmweb.web.terminals.forwarding import BadMessage
from tests.terminals.conftest import DvmHome, eventually
from tests.web.conftest import Browser, Served, a_vm

PAGE = "/vms/app/terminal"


class Tab:
    """A browser tab: a ticket by POST, then the socket; reads and acknowledges."""

    def __init__(self, served: Served, terminal: str = "", offset: int | None = None, **size: int) -> None:
        self.served = served
        self.given = ask_for_ticket(served, id=terminal, **(size or {"cols": 80, "rows": 24}))
        self.id = str(self.given["id"])
        query = f"ticket={self.given['ticket']}&cols={size.get('cols', 80)}&rows={size.get('rows', 24)}"
        query += "" if offset is None else f"&from={offset}"
        self.ws = open_socket(served, f"{self.given['socket']}?{query}")
        _, first = self.ws.recv_data(control_frame=True)
        assert first[:1] == b"{", first
        self.attached = json.loads(first)
        self.at = self.attached["from"]
        self.said: list[dict[str, Any]] = []

    def type(self, text: str) -> None:
        self.ws.send_binary(text.encode())

    def say(self, **message: Any) -> None:
        self.ws.send(json.dumps(message))

    def read(self) -> bytes:
        """The next bytes; b"" for a control message or the close frame, which are kept in `said`."""
        opcode, message = self.ws.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_BINARY:
            self.at += len(message)
            self.say(do="ack", at=self.at)
            return bytes(message)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.said.append({"is": "closed", "code": int.from_bytes(message[:2], "big")})
        elif opcode == websocket.ABNF.OPCODE_TEXT:
            self.said.append(json.loads(message))
        return b""

    def read_until(self, needle: bytes) -> bytes:
        got = b""
        while needle not in got:
            got += self.read()
            assert "closed" not in [message["is"] for message in self.said], (got, self.said)
        return got

    def close_code(self) -> int:
        """Read to the end and return the code of the close frame."""
        while True:
            opcode, frame = self.ws.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(frame[:2], "big")


def ask_for_ticket(served: Served, **fields: Any) -> dict[str, Any]:
    status, body = post(served, f"{PAGE}/ticket", **fields)
    assert status == 200, body
    return dict(json.loads(body))


def post(served: Served, path: str, **fields: Any) -> tuple[int, str]:
    from urllib.error import HTTPError
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    request = Request(  # noqa: S310
        served.url + path,
        data=urlencode({"csrf": served.csrf, **fields}).encode(),
        headers={"Cookie": served.cookie, "Origin": served.origin, "Host": served.host},
    )
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def open_socket(served: Served, path: str, **more: Any) -> websocket.WebSocket:
    settings = {"origin": served.origin, "cookie": served.cookie, "host": served.host, **more}
    return websocket.create_connection(f"ws://{served.host}{path}", timeout=10, **settings)


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_has_a_policy_with_a_fresh_nonce_and_no_other_page_has(client: Browser, running: None) -> None:
    policies = [client.get(PAGE).headers["Content-Security-Policy"] for _ in range(2)]
    nonces = [re.search(r"style-src 'self' 'nonce-([\w-]{22})'; style-src-attr 'unsafe-inline'", p) for p in policies]
    assert all(nonces)
    assert policies[0] != policies[1]
    assert "script-src 'self';" in policies[0]
    assert "unsafe-eval" not in policies[0]
    other = client.get("/help").headers["Content-Security-Policy"]
    assert "nonce" not in other
    assert "unsafe" not in other


def test_the_page_works_without_script_as_far_as_it_can(client: Browser, running: None) -> None:
    page = client.get(PAGE).text
    assert "dvm ssh app" in page
    assert "<noscript>" in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize(
    ("vm", "words", "can_start"),
    [
        (a_vm(status="Stopped"), "app is stopped", True),
        (a_vm(status="Broken"), "app is Broken", False),
        (a_vm(status=""), "Lima cannot read", False),
        (a_vm(kind="not created", status=""), "not created", False),
        (a_vm(kind="unmanaged"), "limactl shell app", False),
        (a_vm(problem="bad"), "errors", False),
    ],
)
def test_a_vm_that_cannot_be_entered_says_why(
    client: Browser, monkeypatch: pytest.MonkeyPatch, vm: Vm, words: str, can_start: bool
) -> None:
    monkeypatch.setattr(terminal_pages, "_find", lambda _name, _patience=0.0: vm)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert words in page.text
    assert ("/vms/app/start" in page.text) is can_start
    assert "data-ticket" not in page.text
    refused = client.post(f"{PAGE}/ticket", data={})
    assert refused.status_code == 409
    assert words in answer_of(refused)["what"]


def test_a_vm_that_is_not_there_is_not_found(client: Browser, running: None) -> None:
    assert client.get("/vms/nobody/terminal").status_code == 404
    assert client.get("/vms/nobody/terminal/list").status_code == 404
    assert client.post("/vms/nobody/terminal/ticket", data={}).status_code == 404


def test_open_terminals_are_tabs_and_closed_without_script(client: Browser, keeper: DvmHome) -> None:
    opened = answer_of(client.post(f"{PAGE}/ticket", data={}))["id"]
    page = client.get(f"{PAGE}?id={opened}").text
    assert f'data-tab="{opened}"' in page
    assert f"/terminals/{opened}/close" in page
    assert f'data-tab="{opened}"' in client.get(f"{PAGE}/list").text
    assert f'data-id="{opened}"' in page
    answer = client.post(f"/terminals/{opened}/close", data={"sure": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, client.sessions.prefix + PAGE)
    eventually(lambda: f"/terminals/{opened}/close" not in client.get(PAGE).text)
    assert client.post(f"/terminals/{opened}/close").status_code == 404


def test_the_page_comes_back_to_the_terminal_that_nobody_looks_at(client: Browser, keeper: DvmHome) -> None:
    assert 'data-id=""' in client.get(PAGE).text
    seen, left = (answer_of(client.post(f"{PAGE}/ticket", data={}))["id"] for _ in range(2))
    viewer = keeper.viewer(seen)
    assert f'data-id="{left}"' in client.get(PAGE).text
    viewer.close()


@pytest.mark.parametrize("hostile", ["../x", '"><script>', "0" * 31, "x" * 5000, ""])
def test_an_id_in_the_address_that_is_none_is_left_out(client: Browser, running: None, hostile: str) -> None:
    page = client.get(PAGE, query_string={"id": hostile})
    assert 'data-id=""' in page.text


def test_b08_a_ticket_needs_the_csrf_token(client: Browser, keeper: DvmHome) -> None:
    assert client.post(f"{PAGE}/ticket", data={}, csrf=False).status_code == 403
    assert client.get(f"{PAGE}/ticket").status_code == 405
    assert listed(keeper) == ()


def answer_of(response: TestResponse) -> dict[str, Any]:
    assert response.json is not None
    return dict(response.json)


def listed(dvm_home: DvmHome) -> tuple[client.TerminalFacts, ...]:
    return client.list_terminals(dvm_home)


# -- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_is_used_once_by_its_session_for_its_terminal() -> None:
    tickets = Tickets()
    text = tickets.issue("me", "app", "t1")
    found = tickets.take(text, "me", "t1")
    assert found is not None
    assert found.vm == "app"
    assert tickets.take(text, "me", "t1") is None


@pytest.mark.parametrize(("session", "terminal"), [("other", "t1"), ("me", "t2"), ("", "t1")])
def test_a_ticket_in_wrong_hands_is_void(session: str, terminal: str) -> None:
    tickets = Tickets()
    text = tickets.issue("me", "app", "t1")
    assert tickets.take(text, session, terminal) is None
    assert tickets.take(text, "me", "t1") is None


def test_a_ticket_runs_out_and_their_number_is_bounded() -> None:
    now = [0.0]
    tickets = Tickets(lambda: now[0])
    old = tickets.issue("me", "app", "t")
    for _ in range(MOST):
        last = tickets.issue("me", "app", "t")
    assert tickets.take(old, "me", "t") is None
    now[0] = LIFETIME
    assert tickets.take(last, "me", "t") is None


# -- what a browser may say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "1",
        "{}",
        '{"do":"open","vm":"app"}',
        '{"do":"attach"}',
        '{"do":"close","id":"x"}',
        '{"do":["ack"]}',
        '{"do":"hello"}',
        "[" * 900,
        '{"do":"ack","at":' + "9" * 2000 + "}",
        " " * 2000,
    ],
)
def test_e19_what_no_browser_of_ours_says_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        inbound(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"do":"ack","at":5,"id":"x"}', {"do": "ack", "at": 5}),
        ('{"do":"resize","cols":NaN,"rows":1e6}', {"do": "resize"}),
        ('{"do":"resize","cols":-1,"rows":20}', {"do": "resize", "cols": -1, "rows": 20}),
        ('{"do":"pong"}', {"do": "pong"}),
    ],
)
def test_e19_only_known_fields_go_on(text: str, meant: dict[str, Any]) -> None:
    assert inbound(text) == meant


# -- the socket ------------------------------------------------------------------------------------------------------


def test_a_tab_enters_types_reloads_and_finds_its_screen(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    tab.type("echo fi''rst\n")
    tab.read_until(b"first")
    tab.ws.close()
    again = Tab(server, tab.id)
    assert again.attached["reset"]
    assert again.attached["replay"] > 0
    again.read_until(b"first")
    again.type("echo sec''ond\n")
    again.read_until(b"second")


@pytest.fixture
def next_server(vms: Vms, server: Served) -> Iterator[Served]:
    """The dashboard as it is after a restart: another app and server on the same state folder."""
    sessions = Sessions(vms.paths.state / "web")
    app = create_app(vms, sessions)
    serving = Server(listen(0), lambda host: guard(outermost(app), sessions, host))
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Served(serving, app, vms, sessions, server.session_id)
    app.extensions["dvm"]["sockets"].close_all()
    serving.shutdown()
    thread.join(5)


def test_e20_a_restarted_dashboard_finds_the_terminal_at_its_offset(
    server: Served, next_server: Served, keeper: DvmHome
) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    server.app.extensions["dvm"]["sockets"].close_all()
    assert tab.close_code() == 1001
    again = Tab(next_server, tab.id, tab.at)
    assert (again.attached["from"], again.attached["reset"]) == (tab.at, False)
    again.type("echo ba''ck\n")
    again.read_until(b"back")


def test_r21_the_keeper_outlives_the_dashboard(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    server.server.shutdown()
    server.server.server_close()
    eventually(lambda: [facts.id for facts in listed(keeper)] == [tab.id])
    keeper.viewer(tab.id, None).read_until(b"$ ")


def test_the_end_of_a_shell_arrives_with_its_code(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.type("exit 3\n")
    while not tab.said or tab.said[-1]["is"] != "exit":
        tab.read()
    assert tab.said[-1]["code"] == 3
    assert tab.close_code() == 1000
    assert post(server, f"{PAGE}/ticket", id=tab.id)[0] == 404


def test_b07_logging_out_closes_the_socket_with_4401(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    assert post(server, "/logout")[0] in (200, 303, 401)
    assert tab.close_code() == 4401
    eventually(lambda: [facts.viewers for facts in listed(keeper)] == [0])


def test_b07_also_during_a_flood(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.type("yes\n")
    while tab.at < 1_000_000:
        tab.read()
    assert post(server, "/logout")[0] in (200, 303, 401)
    while not tab.said or tab.said[-1]["is"] != "closed":
        tab.read()  # goes on acknowledging, so that the flood goes on too
    assert tab.said[-1] == {"is": "closed", "code": 4401}


def test_a_keeper_that_dies_closes_the_socket_with_4410(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    keeper.keepers[0].kill()
    assert tab.close_code() == 4410


@pytest.mark.parametrize("message", ["nonsense", '{"do":"open","vm":"app","command":"shell"}', "[" * 1000])
def test_e19_a_tab_that_says_what_it_may_not_is_closed_with_1008(server: Served, keeper: DvmHome, message: str) -> None:
    tab = Tab(server)
    tab.ws.send(message)
    assert tab.close_code() == 1008
    eventually(lambda: [facts.viewers for facts in listed(keeper)] == [0])
    Tab(server, tab.id).read_until(b"$ ")


def test_e19_sizes_and_acks_without_sense_do_no_harm(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    for message in ({"do": "ack", "at": 10**12}, {"do": "ack", "at": -1}, {"do": "resize", "cols": 0, "rows": -1}):
        tab.say(**message)
    tab.ws.send('{"do":"resize","cols":NaN,"rows":1e6}')
    tab.type("stty size\n")
    tab.read_until(b"24 80")


def test_e16_a_tab_that_vanishes_frees_its_place(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.read_until(b"$ ")
    assert tab.ws.sock is not None
    tab.ws.sock.close()  # no close frame
    eventually(lambda: [facts.viewers for facts in listed(keeper)] == [0], 15)
    eventually(lambda: server.app.extensions["dvm"]["sockets"].count == 0, 15)


def test_e02_a_tab_that_stops_reading_holds_no_thread(server: Served, keeper: DvmHome) -> None:
    keeper.keepers[0].terminate()
    keeper.keepers[0].wait(5)
    keeper.keeper("1.0", "30")
    tab = Tab(server)
    tab.type("yes\n")
    eventually(lambda: [facts.viewers for facts in listed(keeper)] == [0], 20)
    eventually(lambda: server.app.extensions["dvm"]["sockets"].count == 0, 20)
    again = Tab(server, tab.id)
    again.type("\x03")
    again.type("echo al''ive\n")
    again.read_until(b"alive")


def test_e01_a_flood_costs_little_memory_and_others_are_served(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    tab.type("yes 0123456789abcdef | head -c 30000000; echo do''ne\n")
    before = psutil.Process().memory_info().rss
    listings, got, tail = 0, 0, b""
    while b"done" not in tail:
        data = tab.read()
        tail = (tail + data)[-200:]
        got += len(data)
        if got > 3_000_000:
            got = 0
            listed(keeper)  # in the middle of the flood
            listings += 1
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert listings > 5


# -- who may not -----------------------------------------------------------------------------------------------------


def refused(served: Served, path: str, **more: Any) -> int:
    """The status of a handshake that must not succeed."""
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        open_socket(served, path, **more)
    return int(caught.value.status_code)


def test_e17_no_ticket_no_terminal_no_socket(server: Served, keeper: DvmHome) -> None:
    given = ask_for_ticket(server)
    other = ask_for_ticket(server)
    sockets = f"{server.sessions.prefix}/terminals"
    for path in (
        f"{given['socket']}",
        f"{given['socket']}?ticket=",
        f"{given['socket']}?ticket=guess",
        f"{given['socket']}?ticket={other['ticket']}",
        f"{sockets}/{new_id()}/socket?ticket={given['ticket']}",
        f"{sockets}/..%2fx/socket?ticket={given['ticket']}",
        f"{sockets}/x/socket",
    ):
        assert refused(server, path) == 404, path
    assert refused(server, f"{given['socket']}?ticket={given['ticket']}") == 404  # used up by the wrong terminal


def test_e17_a_terminal_that_was_closed_is_404(server: Served, keeper: DvmHome) -> None:
    given = ask_for_ticket(server)
    tab = Tab(server)  # keeps the keeper
    client.close(keeper, str(given["id"]))
    eventually(lambda: given["id"] not in [facts.id for facts in listed(keeper) if not facts.ended])
    tab.read_until(b"$ ")
    path = f"{given['socket']}?ticket={given['ticket']}"
    with suppress(websocket.WebSocketBadStatusException):
        ws = open_socket(server, path)  # it ended unseen: its last words are still there for a while
        assert json.loads(ws.recv())["is"] == "attached"


def test_a_ticket_opens_one_socket(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    assert refused(server, f"{tab.given['socket']}?ticket={tab.given['ticket']}") == 404


def test_e18_a_ticket_of_another_session_is_void_and_its_own_is_welcome(server: Served, keeper: DvmHome) -> None:
    tab = Tab(server)
    second = server.sessions.login(server.sessions.issue_login())
    assert second
    other = Served(server.server, server.app, server.vms, server.sessions, second)
    mine = ask_for_ticket(server, id=tab.id)
    assert refused(other, f"{mine['socket']}?ticket={mine['ticket']}") == 404
    Tab(other, tab.id).read_until(b"$ ")  # one user, several browsers: allowed, and logged


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": None, "suppress_origin": True},
        {"cookie": "x=1"},
        {"host": "evil.example"},
    ],
)
def test_a07_origin_session_and_host_come_before_the_first_byte(
    server: Served, keeper: DvmHome, more: dict[str, Any]
) -> None:
    given = ask_for_ticket(server)
    assert refused(server, f"{given['socket']}?ticket={given['ticket']}", **more) in (401, 403, 421)


def test_the_socket_address_is_no_page(client: Browser, keeper: DvmHome) -> None:
    given = answer_of(client.post(f"{PAGE}/ticket", data={}))
    path = given["socket"].removeprefix(client.sessions.prefix)
    assert client.get(f"{path}?ticket={given['ticket']}").status_code in (400, 404, 405)


# -- a guest of the demo ---------------------------------------------------------------------------------------------


def test_e22_the_whole_path_into_a_guest(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    vms = server.vms
    vms.init("app")
    job = vms.start_job("app", "sync")
    eventually(lambda: not vms.job(job.id).is_open, 60)
    if "no guests" in str(vms.job(job.id).failure or ""):
        pytest.skip("the demo engine has no guests on this machine")
    monkeypatch.setitem(os.environ, "SSH_AUTH_SOCK", "/canary")
    assert repositories_of(vms) == []
    try:
        tab = Tab(server)
        tab.type("pwd; env; echo en''d\n")
        said = tab.read_until(b"end\r\n").decode()
        assert "/code/app" in said
        secrets = (server.sessions.prefix[3:], server.session_id, str(tab.given["ticket"]), "canary", "DVM_STATE")
        assert not [secret for secret in secrets if secret in said]
        for process in children_of_keeper(vms):
            seen = "\0".join([*process.cmdline(), *process.environ().values(), *process.environ()])
            assert not [secret for secret in secrets if secret in seen], process
        tab.type("git init -q x && touch x/new && exit\n")
        assert tab.close_code() == 1000
        eventually(lambda: repositories_of(vms) == ["x"], 20)  # looked at because the terminal has closed
    finally:
        vms.start_job("app", "stop", {"force": True})


def repositories_of(vms: Vms) -> list[str]:
    """What the last look found in the code dir."""
    report = next(vm.work for vm in vms.list_vms() if vm.name == "app")
    return [repository.path for repository in report.repositories] if report else []


def children_of_keeper(vms: Vms) -> list[psutil.Process]:
    pid = int((vms.paths.state / "terminals" / "keeper.lock").read_text())
    found = psutil.Process(pid).children(recursive=True)
    assert found
    return [process for process in found if readable(process)]


def readable(process: psutil.Process) -> bool:
    try:
        return bool(process.environ() or process.cmdline())
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False
