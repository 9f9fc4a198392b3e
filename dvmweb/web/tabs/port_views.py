"""The ports of a VM as rows of its tab: what listens, whether it is forwarded, and what can be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dvmweb.lima.lima_yaml.ports import CLOSED, DOWN, LEAVES, LIVE, OPEN, QUIET, REFUSED, TAKEN, WAITS, PortState
from dvmweb.web.ui.formatting import capital
from dvmweb.web.ui.values import Badge

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
    """A port on which a program in the guest listens and that is not forwarded."""

    port: int
    program: str
    note: str  # why it cannot be opened by a click, "" if it can


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


def with_programs(found: tuple[PortRow, ...], programs: Mapping[int, str]) -> tuple[PortRow, ...]:
    """Return the rows with the programs that the guest reported, by guest port."""
    return tuple(replace(row, program=programs.get(row.guest_port, "")) for row in found)
