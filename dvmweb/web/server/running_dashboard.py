"""The dashboard that is running on a state folder, and new login addresses for it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dvmweb.errors import DvmError, ExitCode, NotFound, PortTaken, UsageError
from dvmweb.files import Lock, private_folder, read_bounded, try_lock, write_whole
from dvmweb.host_ports import holder
from dvmweb.paths import Paths
from dvmweb.web.server import login_tokens

PORT, DEMO_PORT = 8722, 8723


class AlreadyRuns(DvmError):
    """Another dashboard is running on this state folder."""

    exit_code = ExitCode.BUSY


@dataclass(frozen=True)
class Running:
    """The dashboard that holds the lock of a state folder."""

    pid: int
    host: str  # "[::1]:8722"
    redirect_file: str = ""  # opened by the browser; deleted after use


def folder(paths: Paths) -> Path:
    """The private folder state/web."""
    private_folder(paths.state)
    return private_folder(paths.state / "web")


def take(paths: Paths, command: str = "dvm") -> Lock:
    """Take the lock of this state folder. Raises AlreadyRuns with the other dashboard's address."""
    lock = try_lock(folder(paths) / "lock")
    if lock is not None:
        return lock
    other = read(paths)
    where = f" at http://{other.host} (process {other.pid})" if other else ""
    raise AlreadyRuns(
        f"A dashboard is already running{where}.",
        f"For a new login address: {command} web --url. To stop it, press Ctrl-C in its terminal.",
    )


def write(paths: Paths, running: Running) -> None:
    """Record the address of this dashboard. The only secret is the name of the redirect file."""
    write_whole(folder(paths) / "running.json", json.dumps(asdict(running)).encode())


def read(paths: Paths) -> Running | None:
    """The record of the running dashboard, or of the last one."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError, UsageError):
        facts = json.loads(read_bounded(paths.state / "web" / "running.json", 10_000, follow=False))
        return Running(int(facts["pid"]), str(facts["host"]), str(facts["redirect_file"]))
    return None


def fresh_address(paths: Paths) -> str:
    """A one-use login address of the running dashboard. Raises NotFound where none is running."""
    place = folder(paths)
    lock = try_lock(place / "lock")
    if lock is not None:
        lock.release()
    running = read(paths)
    if lock is not None or running is None:
        raise NotFound("No dashboard is running.", "Start it: dvm web")
    prefix = json.loads(read_bounded(place / "secret.json", 10_000, follow=False))["prefix"]
    return address(running.host, f"/d/{prefix}", login_tokens.issue(place, login_tokens.boot_seconds()))


def address(host: str, prefix: str, token: str) -> str:
    """The login address. The token is in the fragment, which reaches no log, no referrer and no server."""
    return f"http://{host}{prefix}/login#{token}"


def port_taken(port: int, command: str = "dvm") -> PortTaken:
    """The error for a port in use, with its owner as far as the user can see it."""
    other = port + 10
    todo = f"Stop it, or choose another port: {command} web --port {other} (in a checkout: make run PORT={other})"
    return PortTaken(f"Port {port} is taken by {holder(port)}.", todo)
