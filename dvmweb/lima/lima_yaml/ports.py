"""The state of each port of a VM on the host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dvmweb.guest_text import visible
from dvmweb.host_ports import LOOPBACK, Listener, sandbox_of
from dvmweb.lima.booting import part_of
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import rendering
from dvmweb.lima.lima_yaml.rendering import Port
from dvmweb.names import vm_of_instance

OPEN = "open"  # the VM's host agent listens: it leads to the guest
QUIET = "quiet"  # forwarded as soon as something in the guest listens
TAKEN = "taken"  # another program on the host uses it
REFUSED = "refused"  # it was taken when the guest began to listen, and Lima does not retry
WAITS = "waits"  # declared; Lima opens it after the next start
LEAVES = "leaves"  # no longer declared; forwarded until the next start
LIVE = "live"  # opened by ssh while the VM runs; whether something in the guest listens is not known
DOWN = "down"  # the VM is not running
LOG_BYTES = 256_000  # of the end of each of the host agent's two files
# portfwd/listener.go and forward.go of Lima 2.2.0.
_FAILED = re.compile(r"failed to listen tcp: 127\.0\.0\.1:(\d{1,5})")
_TRIED = re.compile(r"Forwarding TCP from \S+ to 127\.0\.0\.1:(\d{1,5})")


LivePair = tuple[int, int]  # guest port, and the PID of the process that forwards it


@dataclass(frozen=True)
class PortState:
    """A port forward of a VM and its state."""

    host_port: int
    guest_port: int
    state: str  # one of the states above
    holder: str = ""  # TAKEN: the program that uses it, safe to show
    is_held: bool = False  # the VM's own host agent listens there
    met_first: str = ""  # the program that browsers reach on IPv6 before the VM, "" for none; safe to show

    @property
    def is_lost(self) -> bool:
        """Whether this port of the host does not lead to the guest, although the config declares it."""
        return self.state in (TAKEN, REFUSED)

    @property
    def is_late(self) -> bool:
        """Whether a restart of the VM will change it."""
        return self.state in (WAITS, LEAVES)

    @property
    def text(self) -> str:
        """The port of the host, with the port of the guest if that differs."""
        return str(self.host_port) if self.host_port == self.guest_port else f"{self.host_port}:{self.guest_port}"

    @property
    def note(self) -> str:
        """A note to show beside its number, "" for none."""
        if self.state == TAKEN:
            return f"in use by {self.holder}"
        if self.met_first:
            return f"leads to the VM on 127.0.0.1 only: {self.met_first} has it on [::1]"
        notes = {
            QUIET: "no program in the VM listens on it",
            REFUSED: "was in use by another program when the VM began to listen",
            WAITS: "opens after a restart of the VM",
            LEAVES: "no longer in the config, open until a restart of the VM",
            LIVE: "opened while the VM runs; not checked whether a program in it listens",
        }
        return notes.get(self.state, "")


def port_states(
    declared: Iterable[Port] | None,
    instance: Instance | None,
    listening: Mapping[int, Listener],
    agents: Mapping[int, str] = {},
    met_first: Mapping[int, Listener] = {},
    live: Mapping[int, LivePair] = {},
) -> tuple[PortState, ...]:
    """The state of each declared port, then of those that the instance still forwards.

    `declared` is None if the config cannot be read; then the ports of the instance are used. `listening` and
    `met_first` come from `host_ports`. `agents`: the VM of each host agent's PID. `live`: what was opened while it
    runs, by host port.
    """
    actual = forwards_of(instance)
    wanted = actual if declared is None else tuple((port.host_port, port.guest_port) for port in declared)
    runs = instance is not None and instance.is_running
    refused = refused_ports(instance.directory) if instance is not None and runs else frozenset()
    opened = {
        (host, guest)
        for host, (guest, pid) in live.items()
        if runs and host in listening and listening[host].pid == pid
    }
    found = []
    for host, guest in dict.fromkeys((*wanted, *(actual if runs else ()), *sorted(opened))):
        listener = listening.get(host)
        is_ours = listener is not None and instance is not None and is_of(listener, instance)
        if listener is not None and not is_ours:
            found.append(PortState(host, guest, TAKEN, _holder(listener, agents)))
        elif not runs:
            found.append(PortState(host, guest, DOWN))
        elif (host, guest) in opened:
            found.append(PortState(host, guest, LIVE if (host, guest) in wanted else LEAVES))
        elif (host, guest) not in actual:
            found.append(PortState(host, guest, WAITS))
        elif (host, guest) not in wanted:
            found.append(PortState(host, guest, LEAVES, is_held=is_ours))
        else:
            state = OPEN if is_ours else REFUSED if host in refused else QUIET
            found.append(PortState(host, guest, state, is_held=is_ours))
    foreign = {port: one for port, one in met_first.items() if instance is None or not is_of(one, instance)}
    return tuple(
        replace(one, met_first=_holder(foreign[one.host_port], agents))
        if one.is_held and one.host_port in foreign
        else one
        for one in found
    )


def forwards_of(instance: Instance | None) -> tuple[tuple[int, int], ...]:
    """(host port, guest port) of each forward in the instance's config."""
    config = instance.config if instance is not None else None
    return tuple(pair for pair in rendering.forwards_of(config or {}) if pair is not None)


def is_of(listener: Listener, instance: Instance) -> bool:
    """Whether a listener is the host agent of this VM, or its ssh that forwards ports.

    With LIMA_SSH_PORT_FORWARDER=true Lima forwards by ssh, which has its socket in its title. A guest that is a
    sandbox on the host's network listens itself.
    """
    is_agent = listener.pid > 0 and listener.pid == instance.host_agent_pid
    program = listener.command.partition(" ")[0].rstrip(":").rpartition("/")[2]  # else not a path
    is_ssh = program == "ssh" and bool(instance.directory) and f"{instance.directory}/ssh.sock" in listener.command
    return is_agent or is_ssh or (bool(listener.sandbox) and listener.sandbox == sandbox_of(instance.driver_pid))


def _holder(listener: Listener, agents: Mapping[int, str]) -> str:
    vm = agents.get(listener.pid, "")
    return f"the VM {vm}" if vm else listener.words


def host_agents(lima_home: Path) -> dict[int, str]:
    """PID of each host agent -> dvm's name of its VM."""
    found: dict[int, str] = {}
    for path in lima_home.glob("*/ha.pid"):
        text = part_of(path, 20).strip()
        if text.isdigit():
            found[int(text)] = shown_name(path.parent.name)
    return found


def shown_name(instance: str) -> str:
    """dvm's name of an instance, safe to show."""
    return visible(vm_of_instance(instance) or f"{instance} (Lima)", 80)


def refused_ports(directory: str) -> frozenset[int]:
    """Host ports that Lima could not open since the VM started, and on which the guest still listens.

    Lima reports this only by a warning in the host agent's log, and does not retry.
    """
    failed: set[int] = set()
    for message in _messages(Path(directory) / "ha.stderr.log"):
        if match := _FAILED.match(message):
            failed.add(int(match[1]))
        elif match := _TRIED.match(message):
            failed.discard(int(match[1]))
    return frozenset(failed - _ended(Path(directory) / "ha.stdout.log")) if failed else frozenset()


def _messages(path: Path) -> Iterator[str]:
    for line in part_of(path, LOG_BYTES, of_end=True).split(b"\n"):
        if LOOPBACK.encode() in line:
            with suppress(ValueError, RecursionError):
                facts = json.loads(line)
                if isinstance(facts, dict):
                    yield str(facts.get("msg"))


def _ended(path: Path) -> set[int]:
    """Host ports on which the guest no longer listens, by the last event about them."""
    last: dict[str, str] = {}
    for line in part_of(path, LOG_BYTES, of_end=True).split(b"\n"):
        if b'"portForward"' in line:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                event = json.loads(line)["status"]["portForward"]
                last[str(event.get("hostAddr"))] = str(event.get("type"))
    start = f"{LOOPBACK}:"
    gone = [address for address, kind in last.items() if kind == "stopping" and address.startswith(start)]
    return {int(port) for address in gone if (port := address.removeprefix(start)).isdecimal()}


def lost_sentence(lost: Sequence[PortState]) -> str:
    """A sentence about each port that does not lead to the VM."""
    return " ".join(f"Port {port.text} {_VERBS[port.state].format(port)}." for port in lost)


_VERBS = {
    TAKEN: "of the host is in use by {0.holder}",
    REFUSED: "was in use by another program when the VM began to listen on it, and Lima does not try again",
}
