"""The life of one dashboard: take the folder and the port, serve, open the browser, end in order."""

from __future__ import annotations

import errno
import logging
import logging.handlers
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dvmweb.vms import Vms
from dvmweb.web import redirect_file, running
from dvmweb.web.app import create_app
from dvmweb.web.guard import guard
from dvmweb.web.logins import LOGIN_SECONDS
from dvmweb.web.problems import log_fault
from dvmweb.web.running import DEMO_PORT, PORT, Running
from dvmweb.web.server import IPV4, Server, listen
from dvmweb.web.sessions import Sessions
from dvmweb.web.sockets import Sockets, outermost

PATIENCE = 15  # seconds without a login until the address is printed again
SWEEP = 60  # seconds between two looks for sessions whose time is over
GOODBYE = 0.8  # seconds for the close frames of open sockets
LOG_BYTES = 1_000_000


@dataclass(frozen=True)
class Face:
    """What a dashboard does to the user's terminal and screen; the command line hands it in."""

    say: Callable[[str], None]
    open_file: Callable[[Path], None] | None = None  # starts a browser; None: do not


def run(vms: Vms, face: Face, port: int = 0, *, ipv4: bool = False) -> None:
    """Serve until INT or TERM. Port 0 means 8722, or 8723 for the demo engine.

    Raises AlreadyRuns and PortTaken; nothing was started then.
    """
    lock = running.take(vms.paths)
    try:
        _forget_last(vms)
        port = port or (DEMO_PORT if vms.paths.is_demo else PORT)
        try:
            listening = listen(port, ipv4=ipv4)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise running.port_taken(port) from error
            raise
        _log_to(running.folder(vms.paths) / "log")
        sessions = Sessions(running.folder(vms.paths))
        app = create_app(vms, sessions)
        _tell_faults_to(app.extensions["dvm"]["faults"])
        server = Server(listening, lambda host: guard(outermost(app), sessions, host))
        Dashboard(vms, face, sessions, server, app.extensions["dvm"]["sockets"]).serve()
    finally:
        lock.release()


def _forget_last(vms: Vms) -> None:
    """The last dashboard may have been killed: its redirect file is void, and stays nowhere."""
    last = running.read(vms.paths)
    if last is not None:
        redirect_file.remove_redirect(last.redirect_file)


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = logging.getLogger("dvmweb.web")
    ours.handlers[:] = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False


def _tell_faults_to(faults: deque[str]) -> None:
    """A thread that fails is seen on the pages, and writes no guest's text to the terminal."""

    def hook(facts: threading.ExceptHookArgs) -> None:
        faults.append(log_fault(facts.exc_value or RuntimeError()))

    threading.excepthook = hook


class Dashboard:
    """A server that is about to run, and what belongs to it."""

    def __init__(self, vms: Vms, face: Face, sessions: Sessions, server: Server, sockets: Sockets) -> None:
        self._vms, self._face, self._sessions = vms, face, sessions
        self._server, self._sockets = server, sockets
        self._has_login = threading.Event()
        self._is_ending = threading.Event()
        self._file: Path | None = None

    def serve(self) -> None:
        """Serve until a signal ends it; must be called by the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end())
        self._sessions.on_login.append(self._logged_in)
        self._greet()
        threading.Thread(target=self._wait_for_login, daemon=True).start()
        threading.Thread(target=self._end_sessions, daemon=True).start()
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._remove_file()

    # -- the way in --------------------------------------------------------------------------------------------------

    def _address(self) -> str:
        return running.address(self._server.host_header, self._sessions.prefix, self._sessions.issue_login())

    def _greet(self) -> None:
        host, say = self._server.host_header, self._face.say
        say(f"The dashboard listens on {host}, for this computer only. Ctrl-C ends it; VMs and jobs go on.")
        if self._face.open_file is not None:
            self._file = redirect_file.write_redirect(self._vms.paths.home, self._vms.paths.state, self._address())
        running.write(self._vms.paths, Running(os.getpid(), host, str(self._file or "")))
        say(f"Log in (once, within five minutes):\n  {self._address()}")
        if self._face.open_file is not None and self._file is not None:
            threading.Thread(target=self._face.open_file, args=(self._file,), daemon=True).start()

    def _logged_in(self) -> None:
        self._has_login.set()
        self._remove_file()

    def _wait_for_login(self) -> None:
        began = time.monotonic()
        if not self._has_login.wait(PATIENCE):
            self._face.say(_help(self._address(), self._server.host_header))
        self._has_login.wait(max(0.0, LOGIN_SECONDS - (time.monotonic() - began)))
        self._remove_file()

    def _remove_file(self) -> None:
        if self._file is not None:
            redirect_file.remove_redirect(self._file)

    def _end_sessions(self) -> None:
        while not self._is_ending.wait(SWEEP):
            self._sessions.end_over()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Called by a signal: say goodbye to the sockets, then stop. The rest is done by another thread."""
        if not self._is_ending.is_set():
            self._is_ending.set()
            threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._sockets.close_all()
        deadline = time.monotonic() + GOODBYE
        while self._sockets.count and time.monotonic() < deadline:
            time.sleep(0.02)
        self._server.shutdown()


def _help(address: str, host: str) -> str:
    port = host.rpartition(":")[2]
    lines = [
        "Nobody has logged in yet. Open this address yourself (once, within five minutes):",
        f"  {address}",
        f"Does the browser run on another computer? There: ssh -L {port}:{host} THIS-COMPUTER, then the same address.",
    ]
    if not host.startswith(IPV4):
        lines.append(
            "Does the browser not find [::1], perhaps behind a proxy? End this with Ctrl-C, then: dvm web --ipv4"
        )
    return "\n".join(lines)
