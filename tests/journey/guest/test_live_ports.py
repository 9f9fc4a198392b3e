"""A port opens and closes on a running VM, and is called open only while something behind it answers."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import closing
from typing import Any

import pytest

from dvmweb.records import live_ports
from dvmweb.verbs import monitor
from dvmweb.verbs.vms import Vms
from tests.journey.cli.home import until
from tests.journey.driver import User, Vm
from tests.journey.test_ports import free_port, inner, port, serve, taken

__all__ = ["inner", "port"]


def listed(user: User) -> list[tuple[int, int, str]]:
    found: list[dict[str, Any]] = user.dvm("port app ls --json").succeeds().json
    return [(one["host_port"], one["guest_port"], one["state"]) for one in found]


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_opens_and_closes_while_the_vm_runs(user: User, app: Vm, port: int, inner: int) -> None:
    user.dvm("port app").succeeds().prints("app has no ports.", "dvm port app add 3000")
    user.dvm(f"port app add {port}:{inner}").succeeds().prints(f"Port {port}:{inner}: open, added to the config of app")
    assert listed(user) == [(port, inner, "quiet")], "nothing answers yet, whatever listens on this computer"
    app.shows(ports=[{**app.row["ports"][0], "state": "live", "is_held": False}])
    serve(app, inner)
    assert listed(user) == [(port, inner, "open")]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=30) as answer:
        assert answer.read() == b"hello\n"
    user.dvm(f"port app add {port}:{inner}").succeeds().prints(f"Port {port}:{inner}: open\n")
    user.dvm("diff app").succeeds()

    app.runs("kill $(cat /tmp/servers)")
    until(lambda: listed(user) == [(port, inner, "quiet")])
    user.dvm(f"port app rm {inner}").succeeds().prints(f"Port {port}:{inner}: closed, removed from the config of app")
    assert (listed(user), is_free(port)) == ([], True)
    assert "\nports:" not in app.config.read_text()
    user.dvm(f"port app rm {port}").exits("not found", f"app has no port {port}.", "Its ports: none")


def test_the_next_start_has_it_and_lima_closes_only_at_one(user: User, app: Vm, port: int, inner: int) -> None:
    user.dvm(f"port app add {port}:{inner}").succeeds()
    user.dvm("sync app --restart").succeeds()
    assert app.row["ports"][0]["state"] == "quiet"
    serve(app, inner)
    until(lambda: listed(user) == [(port, inner, "open")])
    user.dvm(f"port app rm {port}").succeeds().prints("it closes at the next restart", "removed from the config")
    assert [state for *_, state in listed(user)] == ["leaves"]
    user.dvm(f"port app add {port}:{inner}").succeeds().prints("open, added to the config")
    assert listed(user) == [(port, inner, "open")]
    user.dvm("stop app").succeeds()
    assert listed(user) == [(port, inner, "down")]
    other = free_port()
    user.dvm(f"port app add {other}").succeeds().prints("the VM is not running: it opens at the next start")
    user.dvm("sync app").succeeds()
    assert [state for *_, state in listed(user)] == ["quiet", "quiet"]


def test_a_port_of_another_program_is_refused_with_its_name(user: User, app: Vm, port: int, inner: int) -> None:
    before = app.config.read_bytes()
    with taken(port):
        user.dvm(f"port app add {port}:{inner}").exits("port taken", f"Port {port} of the host is in use by", "process")
    for text, what in (
        ("80", "below 1024"),
        ("8722", "belongs to the dashboard"),
        ("9022:22", "never forwarded"),
        ("x", "is not a port"),
        ("0.0.0.0:3000:3000", "is not a port"),
    ):
        user.dvm(f"port app add {text}").exits("usage error", what)
    user.dvm("port app rm x").exits("usage error", "x is not a port.")
    user.dvm("port app add").exits("usage error", "There is no port.")
    user.dvm("port none add 3000").exits("not found", "none")
    assert app.config.read_bytes() == before
    user.dvm(f"port app add {port}:{inner}").succeeds()
    user.dvm(f"port app add {port}:3000").exits("usage error", "already leads to port")


def test_a_connection_that_ends_closes_its_ports_and_the_list_says_so(
    user: User, app: Vm, port: int, inner: int
) -> None:
    serve(app, inner)
    user.dvm(f"port app add {port}:{inner}").succeeds()
    assert listed(user) == [(port, inner, "open")]
    (app.instance / "ssh.sock").unlink()  # as when ssh ends
    until(lambda: is_free(port))
    assert listed(user) == [(port, inner, "closed")]
    user.dvm("ls").succeeds().warns(f"port {port}:{inner}: its connection has ended: opened again at the next sync")
    with taken(port):
        assert listed(user) == [(port, inner, "taken")]
        user.dvm("start app").exits("port taken", f"Port {port}:{inner} of the host is in use by")
    assert listed(user) == [(port, inner, "closed")], "one that was taken meanwhile is not forgotten"
    user.dvm(f"port app add {port}:{inner}").succeeds().prints(f"Port {port}:{inner}: open\n")
    assert listed(user) == [(port, inner, "open")]


def closes(app: Vm, port: int) -> None:
    """Its connection ends."""
    (app.instance / "ssh.sock").unlink()
    until(lambda: is_free(port))


def test_a_port_that_was_closed_is_opened_again_by_sync_start_and_dashboard(
    user: User, app: Vm, port: int, inner: int
) -> None:
    serve(app, inner)
    user.dvm(f"port app add {port}:{inner}").succeeds()
    vms = Vms(user.paths, user.home.environ)
    visits = (
        lambda: user.dvm("sync app").succeeds(),
        lambda: user.dvm("start app").succeeds(),
        lambda: monitor.query(vms, vms.list_vms()[0], monitor.REACH),
    )
    for visit in visits:
        closes(app, port)
        assert listed(user) == [(port, inner, "closed")]
        visit()
        assert listed(user) == [(port, inner, "open")]

    closes(app, port)
    app.is_given(silent=True)
    monitor.query(vms, vms.list_vms()[0], monitor.REACH)
    assert listed(user) == [(port, inner, "closed")], "a guest that does not answer"
    app.is_given()

    user.dvm("sync app --restart").succeeds()  # from now on Lima has it
    serve(app, inner)
    until(lambda: listed(user) == [(port, inner, "open")])
    assert live_ports.read(user.paths, "app") == {}


def test_a_closed_port_that_the_config_no_longer_has_stays_closed(user: User, app: Vm, port: int, inner: int) -> None:
    before = app.config.read_text()
    user.dvm(f"port app add {port}:{inner}").succeeds()
    other = free_port()
    user.dvm(f"port app add {other}").succeeds()
    closes(app, port)
    user.dvm(f"port app rm {other}").succeeds().prints(f"Port {other}: closed, removed from the config of app")
    app.has_config(before)
    assert listed(user) == []
    user.dvm("sync app").succeeds()
    assert (listed(user), is_free(port)) == ([], True)


def test_a_guest_that_does_not_answer_has_no_open_port(user: User, app: Vm, port: int, inner: int) -> None:
    serve(app, inner)
    user.dvm(f"port app add {port}:{inner}").succeeds()
    app.is_given(silent=True)
    assert listed(user) == [(port, inner, "live")]
    user.dvm(f"port app add {free_port()}").exits("check failed", "app does not respond.")
    app.is_given()
    assert listed(user) == [(port, inner, "open")]


pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.slow]
