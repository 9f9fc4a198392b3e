"""Which dashboard runs on this state folder, who holds a port, and a fresh login address for it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from dvmweb.errors import DvmError, ExitCode, NotFound, UsageError
from dvmweb.files import Lock, private_folder, read_bounded, try_lock, write_whole
from dvmweb.paths import Paths
from dvmweb.web import logins

PORT, DEMO_PORT = 8722, 8723


class AlreadyRuns(DvmError):
    """Another dashboard serves this state folder."""

    exit_code = ExitCode.BUSY


class PortTaken(DvmError):
    """Another program listens there; no other port is taken silently."""

    exit_code = ExitCode.BUSY


@dataclass(frozen=True)
class Running:
    """The dashboard that holds the lock of a state folder."""

    pid: int
    host: str  # "[::1]:8722"
    redirect_file: str = ""  # starts a browser; removed after use


def folder(paths: Paths) -> Path:
    """state/web, private."""
    private_folder(paths.state)
    return private_folder(paths.state / "web")


def take(paths: Paths) -> Lock:
    """Be the only dashboard of this state folder; raises AlreadyRuns, which says where the other one is."""
    lock = try_lock(folder(paths) / "lock")
    if lock is not None:
        return lock
    other = read(paths)
    where = f" at http://{other.host} (process {other.pid})" if other else ""
    raise AlreadyRuns(
        f"A dashboard runs already{where}.", "For a fresh address to log in: dvm web --url. To end it: Ctrl-C there."
    )


def write(paths: Paths, running: Running) -> None:
    """Note where this dashboard is; no secret is in it but the redirect file's name."""
    write_whole(folder(paths) / "running.json", json.dumps(asdict(running)).encode())


def read(paths: Paths) -> Running | None:
    """The note of the dashboard that runs, or of the last one."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError, UsageError):
        facts = json.loads(read_bounded(paths.state / "web" / "running.json", 10_000, follow=False))
        return Running(int(facts["pid"]), str(facts["host"]), str(facts["redirect_file"]))
    return None


def fresh_address(paths: Paths) -> str:
    """A one-use login address of the dashboard that runs. Raises NotFound where none does."""
    place = folder(paths)
    lock = try_lock(place / "lock")
    if lock is not None:
        lock.release()
    running = read(paths)
    if lock is not None or running is None:
        raise NotFound("No dashboard runs here.", "Start it: dvm web")
    prefix = json.loads(read_bounded(place / "secret.json", 10_000, follow=False))["prefix"]
    return address(running.host, f"/d/{prefix}", logins.issue(place, logins.boot_seconds()))


def address(host: str, prefix: str, token: str) -> str:
    """The token is in the fragment: no log, no referrer and no server sees it."""
    return f"http://{host}{prefix}/login#{token}"


def port_taken(port: int) -> PortTaken:
    """The error for a taken port, with who has it as far as this user may know."""
    who = _holder(port)
    return PortTaken(f"Port {port} is taken by {who}.", f"End that, or take another port: dvm web --port {port + 10}")


def _holder(port: int) -> str:
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error, OSError):
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")):
                return f"{process.info['name']} (process {process.pid})"
    return "a program of another user"
