"""The host agent: the long-running process of one running instance, which owns its sandbox and logs."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dvmweb.demo import faults, processes, store
from dvmweb.demo.guest import driver, entering
from dvmweb.demo.guest.forwarding import Forwarder
from dvmweb.demo.guest.live_forwards import LiveForwards
from dvmweb.demo.guest.refusal import Refusal
from dvmweb.demo.guest.sandbox import GuestUser, user_of
from dvmweb.demo.logs import Fatal
from dvmweb.demo.store import Agent
from dvmweb.process_identity import birth

BOOT = "DVM_DEMO_BOOT"  # seconds between Running and READY in the environment of a start
_TICK = 0.1  # seconds between two checks whether a planted boot has ended
_SOON = 0.3  # seconds between two checks of what else changed: the folder, the ports
_CLOSED = Refusal("the namespaces of a guest cannot be joined")
_SSH_CONFIG = """# This SSH config file can be passed to 'ssh -F'.
# This file is created by Lima, but not used by Lima itself currently.
# Modifications to this file will be lost on restarting the Lima instance.
Host {alias}
  IdentityFile "{home}/_config/user"
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  NoHostAuthenticationForLocalhost yes
  PreferredAuthentications publickey
  Compression no
  BatchMode yes
  IdentitiesOnly yes
  GSSAPIAuthentication no
  Ciphers "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
  User {user}
  ControlMaster auto
  ControlPath "{folder}/ssh.sock"
  ControlPersist yes
  Hostname 127.0.0.1
  Port {port}
"""


class Stop(Exception):
    """The agent was asked to shut down, or its guest has ended."""


@dataclass(frozen=True)
class Output:
    """The folder, user, sockets and logs of an agent."""

    folder: Path
    user: GuestUser
    alias: str
    wake: int  # readable after a signal
    server: socket.socket

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to ha.stderr.log."""
        self._append("ha.stderr.log", {"level": level, "msg": message, "time": _now()})

    def event(self, status: Mapping[str, Any]) -> None:
        """Add an event to ha.stdout.log."""
        self._append("ha.stdout.log", {"time": _now(), "status": status})

    def forwarding(self, facts: Mapping[str, Any]) -> None:
        """Add an event about a port to ha.stdout.log."""
        self.event({"running": True, "sshLocalPort": store.ssh_port(self.folder), "portForward": facts})

    def _append(self, name: str, facts: Mapping[str, Any]) -> None:
        with (self.folder / name).open("a") as file:
            file.write(json.dumps(facts, ensure_ascii=False, separators=(",", ":")) + "\n")


def _now() -> str:
    nanoseconds = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9)) + f".{nanoseconds % 10**9:09d}Z"


def run_hostagent(name: str) -> int:
    """Run the guest of one instance until SIGINT or SIGTERM, until it ends, or until its folder is deleted."""
    home = store.lima_home()
    folder = home / name
    try:
        config = store.load_config(home, folder)
    except (OSError, Fatal) as error:
        print(error, file=sys.stderr)
        return 1
    os.chdir(folder)  # the path of a socket must be short: bind by file name
    output = Output(folder, user_of(config), store.hostname(name), _wake_on_signals(), _server())
    agent = Agent(os.getpid(), birth(os.getpid()), port=_free_port(config))
    try:
        _serve(output, agent, config)
    finally:
        _clean(folder)
    return 0


def _wake_on_signals() -> int:
    ours, theirs = os.pipe()
    for descriptor in (ours, theirs):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return ours


def _server() -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    Path("ha.sock").unlink(missing_ok=True)
    server.bind("ha.sock")
    server.listen()
    return server


def _free_port(config: Mapping[str, Any]) -> int:
    wanted = int(config["ssh"].get("localPort") or 0)
    if wanted:
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(output: Output, agent: Agent, config: Mapping[str, Any]) -> None:
    folder, vm_type = output.folder, str(config["vmType"])
    store.write_agent(folder, agent)
    (folder / "ha.pid").write_text(f"{agent.pid}\n")
    output.log(f"hostagent socket created at {folder}/ha.sock")
    output.log(f"Starting QEMU (hint: to watch the boot progress, see `{folder}/serial*.log`)")
    text = _SSH_CONFIG.format(
        alias=output.alias, home=folder.parent, user=output.user.name, folder=folder, port=agent.port
    )
    (folder / "ssh.config").write_text(text)
    (folder / "ssh.config").chmod(0o600)
    started = driver.start(folder, output.user, output.alias)
    agent = replace(agent, driver_pid=started.pid, driver_born=birth(started.pid), no_guest=started.no_guest)
    (folder / f"{vm_type}.pid").write_text(f"{started.pid}\n")
    store.write_agent(folder, agent)
    output.event({"sshLocalPort": agent.port})
    try:
        _boot(output, agent, started)
        agent = store.read_agent(folder)
        forwarder = Forwarder.of(entering.Guest(folder, agent, output.user), config, output.log, output.forwarding)
        live = LiveForwards(forwarder)
        try:
            while True:
                forwarder.serve()
                live.serve()
                _wait(output, started, _SOON, (*forwarder.sockets(), *live.sockets()))
        finally:
            forwarder.close()
            live.close()
    except Stop:
        _shut_down(output, agent, started)


def _boot(output: Output, agent: Agent, started: driver.Driver) -> None:
    requirements = ("ssh", "user session is ready for ssh", "Explicitly start ssh ControlMaster")
    for number, label in enumerate(requirements, start=1):
        output.log(f"Waiting for the essential requirement {number} of 3: `{label}`")
        if number == 1:
            _wait(output, started, float(os.environ.get(BOOT) or 0))
            while faults.of_instance(output.folder).get("booting"):
                _wait(output, started, _TICK)
            agent = _try_to_enter(output, agent)
        output.log(f"The essential requirement {number} of 3 is satisfied")
    (output.folder / "ssh.sock").touch()
    store.write_agent(output.folder, replace(agent, is_ready=True))
    socket_pair = f"`/run/lima-guestagent.sock` (guest) to `{output.folder}/ga.sock` (host)"
    output.log("Waiting for the guest agent to be running")
    output.log(f"Stopping forwarding {socket_pair}")
    output.log(f"Forwarding {socket_pair}")
    output.log("Guest agent is running")
    output.log("Waiting for the final requirement 1 of 1: `boot scripts must have finished`")
    output.log("Time sync: guest agent is alive, starting time synchronization")
    for address in ("0.0.0.0:22",):
        output.log(f"Not forwarding TCP {address}")
    output.log("The final requirement 1 of 1 is satisfied")
    output.event({"running": True, "sshLocalPort": agent.port})


def _try_to_enter(output: Output, agent: Agent) -> Agent:
    if agent.no_guest:
        return agent
    order = entering.Order(("true",), program="/bin/true")
    quiet = os.open(os.devnull, os.O_RDWR)
    code = entering.run_apart(entering.Guest(output.folder, agent, output.user), order, quiet, quiet)
    os.close(quiet)
    return replace(agent, no_guest=_CLOSED.sentence()) if code else agent


def _wait(output: Output, started: driver.Driver, seconds: float, servers: Sequence[socket.socket] = ()) -> None:
    """Serve ha.sock for some seconds, or until one of `servers` has a connection. Raises Stop with a reason to end."""
    end = time.monotonic() + seconds
    while True:
        watched: list[int | socket.socket] = [output.wake, output.server]
        readable, _, _ = select.select([*watched, *servers], [], [], max(0.0, end - time.monotonic()))
        if output.wake in readable and _must_stop(output):
            raise Stop
        if output.server in readable:
            _answer(output)
        if started.process.poll() is not None or not Path("lima.yaml").exists():
            raise Stop
        if time.monotonic() >= end or any(server in readable for server in servers):
            return


def _must_stop(output: Output) -> bool:
    numbers = os.read(output.wake, 1024)
    received = [number for number in (signal.SIGINT, signal.SIGTERM) if number in numbers]
    if received:
        output.log(f"Received {received[0].name}, shutting down the host agent")
    return bool(received)


def _answer(output: Output) -> None:
    with suppress(OSError):
        caller, _ = output.server.accept()
        with caller:
            caller.settimeout(1)
            received = caller.recv(4096)
            is_info = received.startswith(b"GET /v1/info ")
            body = json.dumps({"sshLocalPort": store.ssh_port(Path())}, separators=(",", ":")) if is_info else ""
            head = "HTTP/1.1 200 OK" if is_info else "HTTP/1.1 404 Not Found"
            caller.sendall(f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


def _shut_down(output: Output, agent: Agent, started: driver.Driver) -> None:
    with suppress(OSError):  # the folder may have been deleted
        output.log("Shutting down the host agent")
        if store.read_agent(output.folder).is_ready:
            pair = f"`/run/lima-guestagent.sock` (guest) to `{output.folder}/ga.sock` (host)"
            output.log(f"Stopping forwarding {pair}")
        output.log("Shutting down QEMU with the power button")
        output.log("Sending QMP system_powerdown command")
    processes.send(agent.driver_pid or started.pid, agent.driver_born, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        started.process.wait(5)
    with suppress(OSError):
        output.log("QEMU has exited")
        output.event({"exiting": True, "sshLocalPort": agent.port})


def _clean(folder: Path) -> None:
    with suppress(OSError):
        for path in store.sockets_and_pids(folder):
            path.unlink(missing_ok=True)
        (folder / "agent.json").unlink(missing_ok=True)
