"""A declared port leads to the VM, or the user is told who has it: before the start, at its end, and in every list."""

from __future__ import annotations

import re
import socket
import urllib.request
from contextlib import closing

import pytest

from tests.journey.cli.home import until
from tests.journey.driver import User, Vm

pytestmark = pytest.mark.usefixtures("guests_work")
SERVER = (
    "import os, http.server as h; print(os.getpid(), file=open('/tmp/servers', 'a'), flush=True); "
    "h.HTTPServer(('127.0.0.1', {}), h.SimpleHTTPRequestHandler).serve_forever()"
)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    """A port of this computer that nobody has."""
    return free_port()


@pytest.fixture
def inner() -> int:
    """One for the guest, whose commands share this computer's network in the demo."""
    return free_port()


@pytest.fixture
def app(user: User, port: int, inner: int) -> Vm:
    user.dvm("init app").succeeds()
    return user.vm("app").adds_to_config(f'ports: ["{port}:{inner}"]')


def taken(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def state(app: Vm) -> str:
    return str(app.row["ports"][0]["state"])


def serve(app: Vm, inner: int) -> None:
    """Start a server in the guest that goes on when its shell has ended."""
    server = SERVER.format(inner)
    app.runs(f'cd /tmp; echo hello >index.html; setsid -f python3 -c "{server}" >/dev/null 2>&1 </dev/null')


@pytest.mark.slow
def test_a_port_that_another_program_has(user: User, app: Vm, port: int, inner: int) -> None:
    with taken(port):
        refused = user.dvm("sync app").exits("port taken")
        refused.says(f"Port {port}:{inner} of the host is in use by", "app was not started")
        assert not app.is_created, "nothing was made"
        user.dvm("ls").succeeds().prints(f"{port}:{inner} (taken)").warns("in use by")
    user.dvm("sync app").succeeds()
    assert state(app) == "quiet"

    # It runs. Another program is faster than the server in the guest: Lima says nothing and does not try again.
    with taken(port):
        serve(app, inner)
        until(lambda: state(app) == "taken")
        user.dvm("sync app").exits("port taken", "does not lead to app; everything else was done")
        user.dvm("ls").succeeds().prints("last sync failed")  # what was done is not called refused
        until(lambda: b"failed to listen" in (app.instance / "ha.stderr.log").read_bytes())
    assert state(app) == "refused"
    user.dvm("start app").exits("port taken", f"Restart the server on port {inner} of app")

    # The hint helps.
    app.runs("kill $(cat /tmp/servers)")  # a bare machine has no pkill
    until(lambda: state(app) == "quiet")
    serve(app, inner)
    until(lambda: state(app) == "open")
    user.dvm("sync app").succeeds()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=20) as answer:
        assert answer.read() == b"hello\n"

    user.dvm("stop app --yes").succeeds()
    assert state(app) == "down"
    with taken(port):
        assert state(app) == "taken"
        user.dvm("start app").exits("port taken")
        user.dvm("work app", seconds=120).succeeds()  # a look at the work is not kept from starting it


def test_the_port_that_is_named_as_a_way_out_is_one(user: User, port: int, inner: int) -> None:
    user.vm("app").has_config(f'ports: ["{port}:{inner}", "{port + 1}:80"]\n')
    with taken(port), taken(port + 2):
        refused = user.dvm("sync app").exits("port taken")
    named = re.search(r'`ports: \["(\d+):(\d+)"\]`', refused.err + refused.out)
    assert named is not None
    assert int(named[2]) == inner
    assert int(named[1]) > port + 2, "neither another port of this VM nor one that a program has"


def test_a_changed_port_is_told_until_the_vm_was_restarted(user: User, app: Vm, port: int, inner: int) -> None:
    user.dvm("sync app").succeeds()
    app.has_config(app.config.read_text().replace(f"{port}:{inner}", f"{port}:4000"))
    user.dvm("sync app").succeeds()
    assert [(one["guest_port"], one["state"]) for one in app.row["ports"]] == [(4000, "waits"), (inner, "leaves")]
    user.dvm("ls").succeeds().warns("after a restart of the VM")
    user.dvm("sync app --restart").succeeds()
    assert [one["state"] for one in app.row["ports"]] == ["quiet"]


def test_open_prints_the_address_that_leads_to_the_vm(user: User, app: Vm, port: int, inner: int) -> None:
    user.dvm("open app").exits("not found", "app is not created.")
    user.dvm("sync app").succeeds()
    user.dvm("open app").succeeds().prints(f"http://localhost:{port}/").warns("no program in the VM listens on it")
    serve(app, inner)
    until(lambda: state(app) == "open")
    assert user.dvm(f"open app {inner} --print").succeeds().out == f"http://localhost:{port}/\n"
    user.dvm(f"open app {port}").succeeds()
    user.dvm("open app 1").exits("not found", "app has no port 1.", f"{port}:{inner}")
    user.dvm("stop app").succeeds()
    user.dvm("open app").exits("check failed", "app is Stopped.", "dvm start app")
    user.has_vm("bee")
    user.dvm("open bee").exits("not found", "bee has no port.", "ports: [3000]")
