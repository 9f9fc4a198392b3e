"""Finds the programs that listen on TCP ports of the host, as far as this user can see them."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.guest_text import visible

LOOPBACK = "127.0.0.1"
# A listener on one of these blocks 127.0.0.1: itself, all of IPv4, all of IPv4 and IPv6.
_TAKING = (LOOPBACK, "0.0.0.0", "::", "*", f"::ffff:{LOOPBACK}", "::ffff:0.0.0.0")  # noqa: S104
# Browsers try these before 127.0.0.1 for a name that ends in .localhost; a program can listen on them alone.
_BEFORE = ("::1", "::")
_LISTENING = "0A"  # the state LISTEN in /proc/net/tcp
_TABLE_BYTES = 16_000_000


@dataclass(frozen=True)
class Listener:
    """A program that listens on a port."""

    port: int
    pid: int = 0  # 0 for a process of another user
    program: str = ""  # its name, safe to show; "" if not known
    user: str | None = None  # its owner: "" for this user, None if not known
    command: str = ""  # its command line, joined by spaces; not for showing
    sandbox: str = ""  # its PID namespace, "" if that is the same as dvm's

    @property
    def words(self) -> str:
        """The program and its owner, for a sentence."""
        if self.pid:
            whose = f", user {self.user}" if self.user else ""
            return f"{self.program or 'a program'} (process {self.pid}{whose})"
        if self.user is None:
            return "a program of another user"
        return f"a program of the user {self.user}" if self.user else "one of your programs"


def holder(port: int) -> str:
    """The program that listens on a port on any address, for a sentence."""
    return listeners([port], anywhere=True).get(port, Listener(port)).words


def listeners(ports: Collection[int], *, anywhere: bool = False) -> dict[int, Listener]:
    """The listener on each of these ports of 127.0.0.1; the other ports are free.

    `anywhere`: on any address of the host.
    """
    wanted, addresses = frozenset(ports), None if anywhere else _TAKING
    if not wanted:
        return {}
    return _of_linux(wanted, addresses) if sys.platform == "linux" else _of_others(wanted, addresses)


def met_first(ports: Collection[int]) -> dict[int, Listener]:
    """The program on each of these ports of [::1]: browsers reach it at NAME.localhost before 127.0.0.1."""
    wanted = frozenset(ports)
    if sys.platform == "linux":
        return _of_linux(wanted, _BEFORE) if wanted else {}
    return {one.port: one for one in _own_listeners(_BEFORE) if one.port in wanted} if wanted else {}


# ---- Linux: the kernel's table lists ports in use; processes are searched only for those ----


def ports_of(pid: int) -> set[int]:
    """Every port with a listener in the network namespace of a process; none if that cannot be read."""
    return {port for name in ("tcp6", "tcp") for port, _, _ in socket_rows(_table(name, pid), None)}


def _of_linux(wanted: frozenset[int], addresses: Collection[str] | None) -> dict[int, Listener]:
    rows = [row for name in ("tcp6", "tcp") for row in socket_rows(_table(name), addresses)]
    held = {port: (inode, uid) for port, inode, uid in rows if port in wanted}
    owners = _owners({inode for inode, _ in held.values()}) if held else {}
    return {port: _listener(port, owners.get(inode, 0), uid) for port, (inode, uid) in held.items()}


def _table(name: str, pid: int | str = "self") -> str:
    with suppress(OSError), Path(f"/proc/{pid}/net/{name}").open("rb") as file:
        return file.read(_TABLE_BYTES).decode("ascii", "replace")
    return ""


def socket_rows(table: str, addresses: Collection[str] | None) -> Iterator[tuple[int, str, int]]:
    """Port, inode and uid of each listening socket in the kernel's table, on one of these addresses or on any."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENING:
            address, _, port = words[1].partition(":")
            if addresses is None or _address(address) in addresses:
                yield int(port, 16), words[9], int(words[7])


def _address(text: str) -> str:
    """An address as the kernel writes it: words of four bytes in the byte order of this machine."""
    raw = b"".join(int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, raw)


def _owners(inodes: set[str]) -> dict[str, int]:
    """The processes with these sockets open, among those that this user can inspect."""
    links = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                for descriptor in (folder / "fd").iterdir():
                    inode = links.get(_target(descriptor))
                    if inode:
                        found.setdefault(inode, int(folder.name))
    return found


def _target(link: Path) -> str:
    with suppress(OSError):
        return str(link.readlink())
    return ""


def _listener(port: int, pid: int, uid: int) -> Listener:
    user = "" if uid == os.geteuid() else _user(uid)
    if not pid:
        return Listener(port, user=user)
    name = command = ""
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return Listener(port, pid, visible(name, 40), user, command, sandbox_of(pid))


def sandbox_of(pid: int) -> str:
    """The PID namespace of a process, which those in one sandbox share; "" if it is dvm's own."""
    theirs = _target(Path(f"/proc/{pid}/ns/pid")) if pid else ""
    return theirs if theirs != _target(Path("/proc/self/ns/pid")) else ""


def _user(uid: int) -> str:
    import pwd

    with suppress(KeyError):
        return visible(pwd.getpwuid(uid).pw_name, 40)
    return str(uid)


# ---- other systems: processes of this user, and an attempt to listen for ports without one ----


def _of_others(wanted: frozenset[int], addresses: Collection[str] | None) -> dict[int, Listener]:
    found = {port: Listener(port) for port in wanted if addresses is None or _is_refused(port)}
    if not found:
        return {}
    seen = {one.port: one for one in _own_listeners(addresses) if one.port in wanted}
    return seen if addresses is None else found | seen


def _is_refused(port: int) -> bool:
    """Whether the system refuses a listener on the port now; like Lima, with SO_REUSEADDR."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _own_listeners(addresses: Collection[str] | None) -> Iterator[Listener]:
    import psutil

    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and (addresses is None or one.laddr.ip in addresses):
                    name, command = visible(str(process.info["name"]), 40), " ".join(process.cmdline())
                    yield Listener(one.laddr.port, process.pid, name, "", command)
