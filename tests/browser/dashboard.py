"""`dvm web` as a process, in a home of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dvmweb.jobs import job_record
from dvmweb.web.server.http_server import listen
from tests.journey.conftest import DvmHome, remove

PROGRAM = (sys.executable, "-P", "-m", "tests.browser.dashboard_process")


def free_port() -> int:
    with listen(0) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Dashboard:
    """`dvm web` as a process, with the home it works in."""

    dvm_home: DvmHome
    words: tuple[str, ...] = ()  # more of the command line, such as --ipv4
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it has printed its address."""
        self.process = subprocess.Popen(
            (*PROGRAM, "web", "--no-open", "--port", str(self.port), *self.words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.dvm_home.environ,
        )
        assert self.process.stdout is not None
        printed = ""
        while "/login#" not in printed:  # then it is up, and this was all
            line = self.process.stdout.readline()
            assert line, f"it ended: {printed}"
            printed += line

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it, or kill it with SIGKILL."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def address(self) -> str:
        """A fresh one-use login address, as `dvm web --url` prints it."""
        return self.dvm_home.ok("web", "--url").strip()

    @property
    def root(self) -> str:
        """The address of the secret path, without a slash at its end."""
        web = self.dvm_home.paths.state / "web"
        prefix = json.loads((web / "secret.json").read_text())["prefix"]
        host = json.loads((web / "running.json").read_text())["host"]
        return f"http://{host}/d/{prefix}"


@contextmanager
def ended(dashboard: Dashboard) -> Iterator[None]:
    """End a dashboard, if it still runs, and what outlives it."""
    try:
        yield
    finally:
        if dashboard.process is not None and dashboard.process.poll() is None:
            dashboard.end()
        end_keepers(dashboard.dvm_home)


@contextmanager
def at_home(*words: str) -> Iterator[Dashboard]:
    """A dashboard that is not started yet, in a home of its own; all of it goes away in the end."""
    one = Dashboard(DvmHome(Path(tempfile.mkdtemp(prefix="dvm-"))), words)
    try:
        with ended(one):
            yield one
    finally:
        if one.dvm_home.paths.lima_home.is_dir():
            one.dvm_home.end()
        remove(one.dvm_home.home)


def end_keepers(dvm_home: DvmHome) -> None:
    """End what outlives a dashboard on purpose and belongs to this home: the keeper and jobs."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "dvmweb" in " ".join(process.cmdline()) and process.environ().get("HOME") == str(dvm_home.home):
                left.append(process)
    for job in job_record.newest_first(dvm_home.paths):  # a forked one is known by its journal alone
        if job.process is not None and job.process.is_alive:
            with suppress(psutil.Error):
                left.append(psutil.Process(job.process.pid))
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, 10)
