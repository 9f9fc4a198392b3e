"""How each port of a VM stands: declared, forwarded, held, refused; with real sockets and what Lima 2.2.0 logs."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from dvmweb import host_ports
from dvmweb.config.fields import PortForward
from dvmweb.host_ports import Listener
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import ports
from dvmweb.lima.lima_yaml.ports import PortState, port_states
from dvmweb.lima.lima_yaml.rendering import port_rules

AGENT, OTHER = 4711, 99


def forward(host: int, guest: int | None = None) -> PortForward:
    return PortForward("127.0.0.1", host, guest or host)


def rule(host: int, guest: int | None = None) -> dict[str, Any]:
    """A rule as `limactl list` shows it."""
    at = guest or host
    return {"guestIP": "127.0.0.1", "proto": "tcp", "guestPortRange": [at, at], "hostPortRange": [host, host]}


def vm(*rules: dict[str, Any], status: str = "Running", directory: str = "") -> Instance:
    config = {"portForwards": [*rules, {**port_rules(())[-1], "guestPortRange": [1, 65535]}]}
    return Instance("dvm-app", status, directory=directory, host_agent_pid=AGENT, config=config)


def by(port: int, pid: int, **more: str) -> dict[int, Listener]:
    return {port: Listener(port, pid, "node", **more)}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The folder of an instance, with the two files of its host agent."""
    (tmp_path / "ha.stdout.log").write_text("")
    return tmp_path


def warn(folder: Path, *messages: str) -> None:
    lines = [json.dumps({"level": "warning", "msg": text, "error": "address already in use"}) for text in messages]
    (folder / "ha.stderr.log").write_text("".join(f"{line}\n" for line in lines))


# ---- how each one stands ----


@pytest.mark.parametrize(
    ("declared", "instance", "listening", "state"),
    [
        ([forward(3000)], vm(rule(3000)), by(3000, AGENT), ports.OPEN),
        ([forward(3000)], vm(rule(3000)), {}, ports.QUIET),
        ([forward(3000)], vm(rule(3000)), by(3000, OTHER), ports.TAKEN),
        ([forward(3000)], vm(rule(3000)), by(3000, 0, user="eve"), ports.TAKEN),
        ([forward(3000)], vm(), {}, ports.WAITS),
        ([forward(3000)], vm(), by(3000, OTHER), ports.TAKEN),
        ([forward(3000, 80)], vm(rule(3000, 81)), {}, ports.WAITS),
        ([forward(3000)], vm(rule(3000), status="Stopped"), {}, ports.DOWN),
        ([forward(3000)], vm(rule(3000), status="Stopped"), by(3000, OTHER), ports.TAKEN),
        ([forward(3000)], vm(rule(3000), status="Broken"), {}, ports.DOWN),
        ([forward(3000)], None, {}, ports.DOWN),
        ([forward(3000)], None, by(3000, OTHER), ports.TAKEN),
        ([], vm(rule(3000)), by(3000, AGENT), ports.LEAVES),
        ([], vm(rule(3000), status="Stopped"), {}, None),
        (None, vm(rule(3000)), by(3000, AGENT), ports.OPEN),
    ],
)
def test_how_a_port_stands(
    declared: list[PortForward] | None, instance: Instance | None, listening: dict[int, Listener], state: str | None
) -> None:
    found = port_states(declared, instance, listening)
    assert [one.state for one in found[:1]] == ([state] if state else [])


def test_who_has_it_is_named_a_vm_by_its_name() -> None:
    agents = {OTHER: "web"}
    assert port_states([forward(3000)], None, by(3000, OTHER), agents)[0].note == "in use by the VM web"
    assert port_states([forward(3000)], None, by(3000, 7), agents)[0].note == "in use by node (process 7)"
    foreign = {3000: Listener(3000, user="eve")}
    assert port_states([forward(3000)], None, foreign)[0].note == "in use by a program of the user eve"
    assert port_states([forward(3000)], None, {3000: Listener(3000)})[0].note == "in use by a program of another user"


def test_the_ssh_that_forwards_for_lima_is_the_vms_own() -> None:
    ssh = by(3000, OTHER, command="ssh: /lima/dvm-app/ssh.sock [mux]")
    assert port_states([forward(3000)], vm(rule(3000), directory="/lima/dvm-app"), ssh)[0].state == ports.OPEN
    assert port_states([forward(3000)], vm(rule(3000), directory="/lima/dvm-ap"), ssh)[0].state == ports.TAKEN


@pytest.mark.parametrize("program", ["python3 -m http.server -d", "/usr/bin/socat", "ssh-agent", "ssh/x"])
def test_a_program_that_only_names_the_connection_is_not_the_vm(program: str) -> None:
    other = by(3000, OTHER, command=f"{program} /lima/dvm-app/ssh.sock")
    assert port_states([forward(3000)], vm(rule(3000), directory="/lima/dvm-app"), other)[0].state == ports.TAKEN


def test_who_has_the_port_on_ipv6_is_met_before_the_vm() -> None:
    running, ours = vm(rule(3000)), by(3000, AGENT)
    (found,) = port_states([forward(3000)], running, ours, {}, by(3000, OTHER))
    assert (found.state, found.is_lost) == (ports.OPEN, False)
    assert found.note == "leads to the VM on 127.0.0.1 only: node (process 99) has it on [::1]"
    assert port_states([forward(3000)], running, ours, {}, ours)[0].met_first == ""
    assert port_states([forward(3000)], running, {}, {}, by(3000, OTHER))[0].met_first == ""  # nothing leads there


def test_only_what_leads_elsewhere_is_lost() -> None:
    lost = {state for state in vars(ports).values() if isinstance(state, str) and PortState(1, 1, state).is_lost}
    assert lost == {ports.TAKEN, ports.REFUSED}


# ---- what the host agent logs ----


def test_a_port_that_lima_could_not_open_is_read_from_its_log(log: Path) -> None:
    warn(log, "failed to listen tcp: 127.0.0.1:3000", "failed to listen tcp: 127.0.0.1:30001")
    assert ports.refused_ports(str(log)) == {3000, 30001}
    found = port_states([forward(3000)], vm(rule(3000), directory=str(log)), {})
    assert found[0].state == ports.REFUSED


def test_it_is_forgotten_once_lima_tried_again_or_the_guest_no_longer_listens(log: Path) -> None:
    again = "Forwarding TCP from 127.0.0.1:3000 to 127.0.0.1:3000"
    warn(log, again, "failed to listen tcp: 127.0.0.1:3000", again)
    assert ports.refused_ports(str(log)) == frozenset()
    warn(log, again, "failed to listen tcp: 127.0.0.1:3000")
    event = {"type": "stopping", "protocol": "tcp", "hostAddr": "127.0.0.1:3000"}
    (log / "ha.stdout.log").write_text(json.dumps({"status": {"portForward": event}}) + "\n")
    assert ports.refused_ports(str(log)) == frozenset()


def test_words_of_the_guest_in_the_log_are_not_limas(log: Path) -> None:
    warn(log, 'received error from the guest: "failed to listen tcp: 127.0.0.1:3000"')
    with (log / "ha.stderr.log").open("ab") as file:
        file.write(b'failed to listen tcp: 127.0.0.1:3001\n"127.0.0.1:"\n{"msg": 127.0.0.1:}\n\xff127.0.0.1:\xff\n')
    assert ports.refused_ports(str(log)) == frozenset()


def test_without_a_log_nothing_was_refused(tmp_path: Path) -> None:
    assert ports.refused_ports(str(tmp_path)) == ports.refused_ports("") == frozenset()


def test_the_vms_of_host_agents_are_known_by_their_pid_files(tmp_path: Path) -> None:
    for name, text in (("dvm-app", "12\n"), ("default", "13"), ("dvm-odd", "x"), ("dvm-none", None)):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "ha.pid").write_text(text)
    assert ports.host_agents(tmp_path) == {12: "app", 13: "default (Lima)"}


# ---- who listens on this computer ----


def listening(address: str) -> socket.socket:
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    server.bind((address, 0))
    server.listen()
    return server


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104
def test_a_listener_is_found_with_its_process(address: str) -> None:
    with listening(address) as server:
        port = server.getsockname()[1]
        found = host_ports.listeners([port])[port]
        assert found.pid == os.getpid()
        assert f"(process {os.getpid()})" in found.words
    assert port not in host_ports.listeners([port])


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_another_address_of_loopback_takes_nothing_away(address: str) -> None:
    with listening(address) as server:
        port = server.getsockname()[1]
        assert host_ports.listeners([port]) == {}
        assert list(host_ports.met_first([port])) == ([port] if address == "::1" else [])


def test_a_connection_is_no_listener_and_nothing_asked_is_nothing_found() -> None:
    with listening("127.0.0.1") as server, socket.create_connection(server.getsockname()) as call:
        assert host_ports.listeners([call.getsockname()[1]]) == {}
        assert host_ports.listeners([]) == {}


def test_where_there_is_no_table_our_own_processes_are_searched() -> None:
    with listening("127.0.0.1") as server:
        port = server.getsockname()[1]
        found = host_ports._of_others(frozenset({port}), host_ports._TAKING)
        assert found[port].pid == os.getpid()
    assert host_ports._of_others(frozenset({port}), host_ports._TAKING) == {}


MASTER = "ssh: /l/a/ssh.sock [mux]"


@pytest.mark.parametrize(
    ("declared", "instance", "listening", "live", "state"),
    [
        ([forward(3000, 80)], vm(directory="/l/a"), by(3000, 7, command=MASTER), {3000: (80, 7)}, ports.LIVE),
        ([], vm(directory="/l/a"), by(3000, 7, command=MASTER), {3000: (80, 7)}, ports.LIVE),
        ([forward(3000, 80)], vm(directory="/l/a"), by(3000, 8, command=MASTER), {3000: (80, 7)}, ports.CLOSED),
        ([forward(3000, 80)], vm(), {}, {3000: (80, 0)}, ports.CLOSED),  # its process has ended
        ([forward(3000, 80)], vm(), {}, {3000: (80, 7)}, ports.CLOSED),  # its process has closed it
        ([forward(3000, 80)], vm(), {}, {3000: (81, 0)}, ports.WAITS),  # another port was open
        ([forward(3000, 80)], vm(), by(3000, 0), {3000: (80, 0)}, ports.TAKEN),
        ([forward(3000, 80)], vm(rule(3000, 80)), {}, {3000: (80, 0)}, ports.QUIET),  # Lima has it since a start
        ([forward(3000, 80)], vm(status="Stopped"), {}, {3000: (80, 0)}, ports.DOWN),
        ([], vm(), {}, {3000: (80, 0)}, None),
    ],
)
def test_a_port_that_was_opened_while_the_vm_runs(
    declared: list[PortForward],
    instance: Instance,
    listening: dict[int, Listener],
    live: dict[int, tuple[int, int]],
    state: str | None,
) -> None:
    found = port_states(declared, instance, listening, live=live)
    assert [one.state for one in found] == ([state] if state else [])
