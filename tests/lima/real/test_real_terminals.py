"""Many terminals, an agent, an upload and a stop by force, on a real limactl with a real guest."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dvmweb.terminals import client
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs import processes_in_use
from dvmweb.verbs.uploads import Upload, Wanted
from dvmweb.verbs.vms import Vm, Vms
from tests.browser.dashboard import end_keepers
from tests.lima.real.conftest import RealDvmHome
from tests.terminals.conftest import Viewer

MANY = 12
# What ssh says where sshd takes no more sessions on one connection.
MUX = (b"mux_client_request_session", b"ControlSocket")


@pytest.fixture(scope="module")
def vms(real: RealDvmHome) -> Iterator[Vms]:
    """One VM that runs."""
    real.init("app")
    real.ok("sync", "app", timeout=1500)
    try:
        yield Vms(real.paths, real.environ)
    finally:
        end_keepers(real)


def app(vms: Vms) -> Vm:
    return next(vm for vm in vms.list_vms() if vm.name == "app")


def facts(vms: Vms, terminal: str) -> TerminalFacts:
    return next(one for one in client.list_terminals(vms) if one.id == terminal)


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_01_the_eleventh_terminal_opens_like_the_others_and_none_shows_ssh(vms: Vms) -> None:
    took = []
    for number in range(MANY):
        began = time.monotonic()
        viewer = Viewer(client.attach(vms, client.open_terminal(vms, "app"), 0, 80, 24))
        viewer.type(f"echo up-$(({number}+100))-$TERM-$COLORTERM\n")
        said = viewer.read_until(f"up-{number + 100}-xterm-256color-truecolor".encode(), 60)
        took.append(time.monotonic() - began)
        assert not [mark for mark in MUX if mark in said]
        viewer.close()
    print("seconds to the first answer:", [round(one, 2) for one in took])
    assert {one.ended for one in client.list_terminals(vms)} == {False}


def test_02_the_guest_tells_what_runs(vms: Vms) -> None:
    first, second = (one.id for one in client.list_terminals(vms)[:2])
    # A guest without KVM on a busy machine may not answer in time, which is told as "not known", never as "nothing".
    until(
        lambda: processes_in_use.what_runs(vms, app(vms), facts(vms, first)) == processes_in_use.Occupied(is_known=True)
    )
    viewer = Viewer(client.attach(vms, second, 0, 80, 24))
    viewer.type("echo now-$((1+1)); sudo sleep 600\n")
    viewer.read_until(b"now-2")
    until(lambda: "sudo" in processes_in_use.what_runs(vms, app(vms), facts(vms, second)).programs)
    viewer.close()


def test_03_an_agent_tells_by_its_hooks(vms: Vms, real: RealDvmHome) -> None:
    script = (
        "import json,subprocess,sys\\n"
        'hooks=json.loads(sys.argv[2])["hooks"]\\n'
        'fire=lambda e:[subprocess.run(h["command"],shell=True) for g in hooks[e] for h in g["hooks"]]\\n'
        'fire("SessionStart");input();fire("UserPromptSubmit");input()\\n'
    )
    make = f"printf '#!/usr/bin/env python3\\n{script}' | sudo tee /usr/local/bin/claude >/dev/null"
    assert real.dvm("ssh", "app", "--", "bash", "-ec", f"{make}; sudo chmod 755 /usr/local/bin/claude").code == 0
    agent = client.open_terminal(vms, "app", command="claude")
    until(lambda: (facts(vms, agent).state, facts(vms, agent).guess) == ("waits", False))
    with client.attach(vms, agent) as connection:
        connection.send(b"go\n")
        until(lambda: (facts(vms, agent).state, facts(vms, agent).guess) == ("works", False))
        connection.send(b"go\n")
    until(lambda: facts(vms, agent).ended)
    assert facts(vms, agent).reason == "Claude has ended."


def test_04_a_file_arrives_byte_by_byte(vms: Vms, real: RealDvmHome) -> None:
    data = os.urandom(3_000_000)
    ready = threading.Event()
    upload = Upload(vms, "app", Wanted("sent é.bin", len(data)), lambda _at: ready.set())

    def send() -> None:
        assert ready.wait(120)
        for at in range(0, len(data), 65536):
            upload.send(data[at : at + 65536])
        upload.finish()

    thread = threading.Thread(target=send)
    thread.start()
    arrived = upload.run()
    thread.join()
    assert arrived.name == "sent é.bin"
    said = real.ok("ssh", "app", "--", "sha256sum", "sent é.bin")
    assert said.split()[0] == hashlib.sha256(data).hexdigest()


def test_05_e21_a_stop_by_force_ends_all_of_them_within_ten_seconds(vms: Vms, real: RealDvmHome) -> None:
    open_ones = [one.id for one in client.list_terminals(vms) if not one.ended]
    assert len(open_ones) == MANY
    viewer = Viewer(client.attach(vms, open_ones[-1], 0, 80, 24))
    real.limactl("stop", "-f", "dvm-app")
    began = time.monotonic()
    assert viewer.wait_for("exit", 15)["reason"] == "The VM was stopped."
    print("seconds until it was told:", round(time.monotonic() - began, 1))
    until(lambda: all(one.ended for one in client.list_terminals(vms)), 15)


def test_06_it_starts_again_and_takes_terminals(vms: Vms, real: RealDvmHome) -> None:
    real.ok("start", "app", timeout=1500)
    opened = [client.open_terminal(vms, "app") for _ in range(MANY)]
    viewer = Viewer(client.attach(vms, opened[-1], 0, 80, 24))
    viewer.type("echo again-$((1+1))\n")
    viewer.read_until(b"again-2", 60)
