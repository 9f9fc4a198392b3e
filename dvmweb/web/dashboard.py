"""Runs one dashboard: lock the state folder, take a port, open the browser, serve, shut down."""

from __future__ import annotations

import errno
import logging
import logging.handlers
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from dvmweb.files import open_own
from dvmweb.host_ports import holder
from dvmweb.paths import own_command
from dvmweb.verbs.idle import IdleWatch
from dvmweb.verbs.load.background import BackgroundSampling
from dvmweb.verbs.vms import Vms
from dvmweb.web.app import create_app
from dvmweb.web.server import redirect_file, running_dashboard
from dvmweb.web.server.fault_log import log_fault
from dvmweb.web.server.guard import guard
from dvmweb.web.server.http_server import IPV4, Server, listen
from dvmweb.web.server.login_tokens import LOGIN_SECONDS
from dvmweb.web.server.running_dashboard import DEMO_PORT, PORT, Running
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.websockets import Sockets, outermost

PATIENCE = 15  # seconds without a login before the address is printed again
SWEEP = 60  # seconds between two checks for expired sessions
GOODBYE = 0.8  # seconds for the close frames of open sockets
LOG_BYTES = 1_000_000
TRIES = 20  # ports to try if none was requested


@dataclass(frozen=True)
class Face:
    """How a dashboard prints and opens the browser; supplied by the command line."""

    echo: Callable[[str], None]
    open_file: Callable[[Path], None] | None = None  # opens a browser; None: no browser
    has_login: bool = True  # print login addresses; False for a service, whose output is kept in a journal


def run(vms: Vms, face: Face, port: int = 0, *, ipv4: bool = False) -> None:
    """Serve until INT or TERM. Port 0 means 8722, or 8723 for the demo engine, or the next free one.

    Raises AlreadyRuns and PortTaken before anything is started.
    """
    command = own_command(vms.environ)
    lock = running_dashboard.take(vms.paths, command)
    try:
        _forget_last(vms)
        usual = DEMO_PORT if vms.paths.is_demo else PORT
        listening = _listen(range(port, port + 1) if port else range(usual, usual + TRIES), ipv4, face.echo)
        if listening is None:
            raise running_dashboard.port_taken(port or usual, command)
        _log_to(running_dashboard.folder(vms.paths) / "log")
        sessions = Sessions(running_dashboard.folder(vms.paths))
        app = create_app(vms, sessions)
        _collect_faults(app.extensions["dvm"]["faults"])
        server = Server(listening, lambda host: guard(outermost(app), sessions, host))
        sampling = BackgroundSampling(vms, app.extensions["dvm"]["watch"].is_running)
        Dashboard(vms, face, sessions, server, app.extensions["dvm"]["sockets"], sampling).serve()
    finally:
        lock.release()


def _listen(ports: range, ipv4: bool, echo: Callable[[str], None]) -> socket.socket | None:
    """Listen on the first free port; print it if it is not the usual one. None if all are in use."""
    for port in ports:
        try:
            listening = listen(port, ipv4=ipv4)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        if port != ports[0]:
            echo(f"Port {ports[0]} is in use by {holder(ports[0])}; the dashboard uses {port} instead.")
        return listening
    return None


def _forget_last(vms: Vms) -> None:
    """Remove the redirect file of a dashboard that was killed."""
    last = running_dashboard.read(vms.paths)
    if last is not None:
        redirect_file.remove_redirect(last.redirect_file)


class OwnLog(logging.handlers.RotatingFileHandler):
    """A log file that is never opened through a link."""

    def _open(self) -> TextIOWrapper:
        descriptor = open_own(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding, errors=self.errors)


def _log_to(path: Path) -> None:
    handler = OwnLog(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = logging.getLogger("dvmweb.web")
    ours.handlers[:] = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False


def _collect_faults(faults: deque[str]) -> None:
    """Show failed threads on the pages; their text can come from a guest, so it is not printed."""

    def hook(facts: threading.ExceptHookArgs) -> None:
        faults.append(log_fault(facts.exc_value or RuntimeError()))

    threading.excepthook = hook


class Dashboard:
    """A server with its sessions, sockets and redirect file."""

    def __init__(
        self,
        vms: Vms,
        face: Face,
        sessions: Sessions,
        server: Server,
        sockets: Sockets,
        sampling: BackgroundSampling | None = None,
    ) -> None:
        self._vms, self._face, self._sessions = vms, face, sessions
        self._server, self._sockets = server, sockets
        self._sampling = sampling
        self._has_login = threading.Event()
        self._is_ending = threading.Event()
        self._file: Path | None = None

    def serve(self) -> None:
        """Serve until a signal; must be called in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end())
        self._sessions.on_login.append(self._logged_in)
        self._greet()
        if self._face.has_login:
            threading.Thread(target=self._wait_for_login, daemon=True).start()
        threading.Thread(target=self._end_sessions, daemon=True).start()
        if self._sampling is not None:
            threading.Thread(target=self._sampling.run, args=(self._is_ending,), name="sampling", daemon=True).start()
        threading.Thread(target=IdleWatch(self._vms).run, args=(self._is_ending,), name="idle", daemon=True).start()
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._remove_file()

    # -- login ------------------------------------------------------------------------------------------------------

    def _address(self) -> str:
        return running_dashboard.address(self._server.host_header, self._sessions.prefix, self._sessions.issue_login())

    def _greet(self) -> None:
        host, echo = self._server.host_header, self._face.echo
        if not self._face.has_login:
            running_dashboard.write(self._vms.paths, Running(os.getpid(), host))
            echo(f"The dashboard listens on {host}. For a login address: {own_command(self._vms.environ)} web --url")
            return
        echo(
            f"The dashboard listens on {host}, for this host only. Press Ctrl-C to stop it; VMs and jobs keep running."
        )
        if self._face.open_file is not None:
            self._file = redirect_file.write_redirect(self._vms.paths.home, self._vms.paths.state, self._address())
        running_dashboard.write(self._vms.paths, Running(os.getpid(), host, str(self._file or "")))
        echo(f"Log in here (valid once, for 5 min):\n  {self._address()}")
        if self._face.open_file is not None and self._file is not None:
            threading.Thread(target=self._face.open_file, args=(self._file,), daemon=True).start()

    def _logged_in(self) -> None:
        self._has_login.set()
        self._remove_file()

    def _wait_for_login(self) -> None:
        began = time.monotonic()
        if not self._has_login.wait(PATIENCE):
            command = own_command(self._vms.environ)
            self._face.echo(_help(self._address(), self._server.host_header, command))
        self._has_login.wait(max(0.0, LOGIN_SECONDS - (time.monotonic() - began)))
        self._remove_file()

    def _remove_file(self) -> None:
        if self._file is not None:
            redirect_file.remove_redirect(self._file)

    def _end_sessions(self) -> None:
        while not self._is_ending.wait(SWEEP):
            self._sessions.end_over()

    # -- shutdown ----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Signal handler: close the sockets, then stop, in another thread."""
        if not self._is_ending.is_set():
            self._is_ending.set()
            threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._sockets.close_all()
        deadline = time.monotonic() + GOODBYE
        while self._sockets.count and time.monotonic() < deadline:
            time.sleep(0.02)
        self._server.shutdown()


def _help(address: str, host: str, command: str) -> str:
    port = host.rpartition(":")[2]
    lines = [
        "No login yet. Open this address in a browser (valid once, for 5 min):",
        f"  {address}",
        f"Browser on another computer? Run there: ssh -L {port}:{host} THIS-HOST, then open the same address.",
    ]
    if not host.startswith(IPV4):
        lines.append(
            f"Browser cannot open [::1], for example behind a proxy? Press Ctrl-C, then run: {command} web --ipv4"
        )
    return "\n".join(lines)
