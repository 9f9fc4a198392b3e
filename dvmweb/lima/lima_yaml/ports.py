"""The state of each port of a VM on the host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
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
CLOSED = "closed"  # was opened by ssh while the VM runs, and closed with that connection
LIVE = "live"  # opened by ssh while the VM runs; whether something in the guest listens is not known
DOWN = "down"  # the VM is not running
LOG_BYTES = 256_000  # of the end of each of the host agent's two files
# portfwd/listener.go and forward.go of Lima 2.2.0.
_FAILED = re.compile(r"failed to listen tcp: 127\.0\.0\.1:(\d{1,5})")
_TRIED = re.compile(r"Forwarding TCP from \S+ to 127\.0\.0\.1:(\d{1,5})")


LivePair = tuple[int, int]  # guest port, and the PID of the process that forwards it; 0 if that has ended


@dataclass(frozen=True)
class PortState:
    """A port forward of a VM and its state."""

    host_port: int
    guest_port: int
    state: str  # one of the states above
    holder: str = ""  # TAKEN: the program that uses it, safe to show
    is_held: bool = False  # the VM's own host agent listens there
    met_first: str = ""  # the program that browsers reach on IPv6 before the VM, "" for none; safe to show
    is_temporary: bool = False  # opened while the VM runs, and not in its config

    @property
    def is_lost(self) -> bool:
        """Whether this port of the host does not lead to the guest, although the config declares it."""
        return self.state in (TAKEN, REFUSED)

    @property
    def is_late(self) -> bool:
        """Whether it is not as the config declares it: a restart of the VM changes that, or dvm opens it again."""
        return self.state in (WAITS, LEAVES, CLOSED)

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
            CLOSED: "its connection has ended: opened again at the next sync or start, or by the open dashboard",
            LIVE: "opened while the VM runs; not checked whether a program in it listens",
        }
        note = notes.get(self.state, "")
        return "; ".join(filter(None, (note, "not in the config"))) if self.is_temporary else note


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
    opened = {(host, guest) for host, (guest, pid) in live.items() if runs and _has(listening.get(host), pid)}
    closed = {(host, guest) for host, (guest, _) in live.items() if runs} - opened
    facts = _Facts(instance, frozenset(wanted), frozenset(actual), opened, closed, listening, agents)
    pairs = dict.fromkeys((*wanted, *(actual if runs else ()), *sorted(opened)))
    return tuple(facts.with_first(facts.state(*pair), met_first.get(pair[0])) for pair in pairs)


def _has(listener: Listener | None, pid: int) -> bool:
    return listener is not None and pid > 0 and listener.pid == pid


@dataclass(frozen=True)
class _Facts:
    """What the states of a VM's ports follow from; pairs are host port and guest port."""

    instance: Instance | None
    wanted: Set[tuple[int, int]]  # by the config
    actual: Set[tuple[int, int]]  # forwarded by Lima
    opened: Set[tuple[int, int]]  # forwarded by ssh
    closed: Set[tuple[int, int]]  # were forwarded by ssh, whose connection has ended
    listening: Mapping[int, Listener]
    agents: Mapping[int, str]

    @cached_property
    def refused(self) -> frozenset[int]:
        return refused_ports(self.instance.directory) if self.instance is not None else frozenset()

    def state(self, host: int, guest: int) -> PortState:
        listener, pair = self.listening.get(host), (host, guest)
        is_ours = listener is not None and self.instance is not None and is_of(listener, self.instance)
        if listener is not None and not is_ours:
            return PortState(host, guest, TAKEN, _holder(listener, self.agents))
        if self.instance is None or not self.instance.is_running:
            return PortState(host, guest, DOWN)
        if pair in self.opened:
            return PortState(host, guest, LIVE, is_temporary=pair not in self.wanted)
        if pair not in self.actual:
            return PortState(host, guest, CLOSED if pair in self.closed else WAITS)
        if pair not in self.wanted:
            return PortState(host, guest, LEAVES, is_held=is_ours)
        return PortState(host, guest, OPEN if is_ours else REFUSED if host in self.refused else QUIET, is_held=is_ours)

    def with_first(self, port: PortState, listener: Listener | None) -> PortState:
        """The port, with the program that browsers reach before it."""
        is_foreign = listener is not None and (self.instance is None or not is_of(listener, self.instance))
        if listener is None or not is_foreign or not port.is_held:
            return port
        return replace(port, met_first=_holder(listener, self.agents))


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
