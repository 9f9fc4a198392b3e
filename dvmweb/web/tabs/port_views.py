"""The ports of a VM as rows of its tab: what listens, whether it is forwarded, and what can be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dvmweb.ages import age
from dvmweb.guest.overview import Listener
from dvmweb.guest_text import visible
from dvmweb.lima.lima_yaml.ports import CLOSED, DOWN, LEAVES, LIVE, OPEN, QUIET, REFUSED, TAKEN, WAITS, PortState
from dvmweb.verbs.load.guest_overview import GuestReport
from dvmweb.web.ui.formatting import capital
from dvmweb.web.ui.values import Badge

FRESH = 60.0  # seconds for which a report names the programs behind forwarded ports
UNPRIVILEGED = 1024  # the least port that this computer can open for a user

BADGES = {
    OPEN: Badge("ok", "check", "Forwarded"),
    QUIET: Badge("idle", "dot", "Forwarded, nothing listens"),
    LIVE: Badge("idle", "eye-off", "Forwarded, not checked"),
    TAKEN: Badge("bad", "warn", "Held"),
    REFUSED: Badge("bad", "warn", "Not forwarded"),
    WAITS: Badge("warn", "wait", "Waits for a restart"),
    LEAVES: Badge("warn", "wait", "Open until a restart"),
    CLOSED: Badge("warn", "close", "Closed"),
    DOWN: Badge("idle", "half", "VM not running"),
}
NOTES = {
    REFUSED: "another program had the host port when the VM began to listen; restart the server in the VM",
    CLOSED: "its ssh connection has ended; sync, start or this dashboard opens it again",
    DOWN: "opens at the next start",
    LEAVES: "no longer in the config",
}


@dataclass(frozen=True)
class PortRow:
    """One port that is forwarded, or is to be."""

    guest_port: int
    host_port: int
    program: str  # what listens in the guest, "" if nothing or not known
    badge: Badge
    note: str
    url: str  # "" unless the VM answers there
    local_url: str
    is_declared: bool

    @property
    def is_same(self) -> bool:
        """Whether the port has the same number on both sides."""
        return self.guest_port == self.host_port


@dataclass(frozen=True)
class ListenerRow:
    """A port on which a program in the guest listens."""

    port: int
    program: str
    place: str
    forwarded: str  # the host ports that lead to it, "" for none
    can_open: bool  # with the same number on this computer


@dataclass(frozen=True)
class ListenersView:
    """The ports on which programs in the guest listen, or why they are not known."""

    rows: tuple[ListenerRow, ...]
    age: str
    problem: str
    is_pending: bool  # the guest was not asked yet


def rows(name: str, states: tuple[PortState, ...]) -> tuple[PortRow, ...]:
    """Return a row for each port of the VM, in the order of the config."""
    return tuple(_row(name, one) for one in states)


def _row(name: str, port: PortState) -> PortRow:
    leads_there = port.state == OPEN and port.is_held
    return PortRow(
        guest_port=port.guest_port,
        host_port=port.host_port,
        program="",
        badge=_badge(port),
        note=_note(port),
        url=f"http://{name}.localhost:{port.host_port}/" if leads_there and not port.met_first else "",
        local_url=f"http://127.0.0.1:{port.host_port}/" if leads_there else "",
        is_declared=not port.is_temporary and port.state != LEAVES,
    )


def _badge(port: PortState) -> Badge:
    badge = BADGES[port.state]
    if port.state == TAKEN:
        return Badge(badge.tone, badge.icon, f"Held by {port.holder}" if port.holder else "Held by another program")
    return badge


def _note(port: PortState) -> str:
    parts = []
    if port.state == TAKEN:
        parts.append("on this computer; end that program or change the host port")
    elif port.state in NOTES:
        parts.append(NOTES[port.state])
    if port.met_first:
        parts.append(f"on 127.0.0.1 only: {port.met_first} has the same port on [::1], and browsers try that first")
    if port.is_temporary:
        parts.append("until the VM stops or its ssh connection ends; not in the config")
    return capital("; ".join(parts))


def with_programs(found: tuple[PortRow, ...], report: GuestReport, now: float) -> tuple[PortRow, ...]:
    """Return the rows with the programs of a report, by guest port; those of an old one are not known any more."""
    if report.answer is None or not 0 <= now - report.at < FRESH:
        return found
    programs = {one.port: _program(one) for one in _by_port(report.answer.listeners)}
    return tuple(replace(row, program=programs.get(row.guest_port, "")) for row in found)


def listeners(report: GuestReport, found: tuple[PortRow, ...], now: float, *, can_change: bool) -> ListenersView:
    """Return what listens in the guest. All texts of the guest are made safe to show."""
    if report.answer is None:
        is_pending = not report.at and not report.problem
        problem = "" if is_pending else visible(report.problem, 300) or "the guest did not answer"
        return ListenersView((), age(report.at, now) if report.at else "", problem, is_pending)
    hosts: dict[int, list[str]] = {}
    for row in found:
        hosts.setdefault(row.guest_port, []).append(str(row.host_port))
    taken = {row.host_port for row in found}
    rows = tuple(_listener(one, hosts, taken, can_change) for one in _by_port(report.answer.listeners))
    return ListenersView(rows, age(report.at, now), "", is_pending=False)


def _listener(one: Listener, hosts: Mapping[int, list[str]], taken: set[int], can_change: bool) -> ListenerRow:
    forwarded = ", ".join(hosts.get(one.port, ()))
    can_open = can_change and not forwarded and one.port >= UNPRIVILEGED and one.port not in taken
    place = "only inside the VM" if one.is_loopback else "on all addresses"
    return ListenerRow(one.port, _program(one), place, forwarded, can_open)


def _by_port(found: Iterable[Listener]) -> tuple[Listener, ...]:
    """One listener for each port; one on all addresses counts more than one on loopback."""
    every = sorted(found, key=lambda one: (one.port, not one.is_loopback, one.program))
    return tuple({one.port: one for one in every}.values())


def _program(one: Listener) -> str:
    return visible(one.program, 32) or f"a program of {visible(one.user, 32) or 'another user'}"
