"""A home with nothing in it, the demo engine, and `dvm` as a process: what a new user has."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvmweb.paths import Paths, from_environment
from tests.journey.cli.warm_process import Started, WarmProcess
from tests.places import TOP

ROOT = TOP
WARM = WarmProcess(TOP)
HAS_KEYGEN = shutil.which("ssh-keygen") is not None  # a demo guest has the programs of its host


@dataclass(frozen=True)
class Said:
    """What a finished `dvm` said."""

    code: int
    out: str
    err: str


def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a fact that another process brings about; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class DvmHome:
    """One throwaway home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._is_cold = False
        self.environ = {
            "HOME": str(home),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "DVM_ENGINE": "demo",
            "PYTHONPATH": str(ROOT),
        }

    def cold(self) -> DvmHome:
        """The same home, in which each `dvm` is a new interpreter, as a user has it, and not a fork of one."""
        other = copy.copy(self)
        other._is_cold = True
        return other

    @property
    def paths(self) -> Paths:
        return from_environment(self.environ)

    def argv(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-P", "-m", "dvmweb", *words)

    def dvm(self, *words: str, stdin: str = "", timeout: float = 90, **more: str) -> Said:
        """Run `dvm` to its end."""
        environ = {**self.environ, **more}
        if not self._is_cold:
            return Said(*WARM.run(words, environ, stdin, timeout))
        argv = self.argv(*words)
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, env=environ, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def limactl(self, *words: str) -> None:
        """Run plain limactl beside dvm; it must succeed."""
        code, out, err = self._limactl(*words).ends(120)
        assert code == 0, f"limactl {' '.join(words)}: exit code {code}\n{out}{err}"

    def _limactl(self, *words: str) -> Started:
        environ = {**self.environ, "LIMA_HOME": str(self.paths.lima_home)}
        return WARM.start(("limactl", *words), environ, module="dvmweb.demo")

    def ok(self, *words: str, **more: Any) -> str:
        """Run `dvm`, which must succeed, and return what it printed."""
        said = self.dvm(*words, **more)
        assert said.code == 0, f"dvm {' '.join(words)}: {said}"
        return said.out

    def start(self, *words: str, **more: str) -> Started:
        """Start `dvm` and leave it running."""
        return WARM.start(words, {**self.environ, **more})

    def popen(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start `dvm` and leave it running."""
        return subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environ, **more},
        )

    def guest(self, vm: str, script: str, timeout: float = 60) -> str:
        """Run a script in a guest; it must succeed."""
        return self.ok("ssh", vm, "--", "bash", "-ec", script, timeout=timeout)

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.ok("jobs", "--json"))
        return found

    def ledger(self, job: str) -> list[tuple[str, ...]]:
        """The engine commands of a job, as the user sees them."""
        lines = self.ok("log", job, "--commands").splitlines()
        return [tuple(line.split()[3:]) for line in lines]

    def faults(self, **faults: dict[str, Any]) -> None:
        """Make the demo engine fail in the named commands from now on."""
        folder = self.paths.lima_home / "_demo"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "faults.json").write_text(json.dumps(faults))

    def end(self) -> None:
        """Leave no process behind."""
        self.faults()
        instances = [entry.name for entry in self.paths.lima_home.iterdir() if not entry.name.startswith("_")]
        for name in instances:
            (self.paths.lima_home / name / "protected").unlink(missing_ok=True)  # Lima deletes no protected one
        if instances:
            self._limactl("delete", "-f", *instances).ends(60)


def remove(home: Path) -> None:
    """Remove a home, also one in which a guest has closed folders."""
    subprocess.run(("chmod", "-R", "u+rwX", "--", str(home)), stderr=subprocess.DEVNULL, check=False)
    while home.exists():
        with suppress(FileNotFoundError):  # a guest that ends removes a file of its own at the same moment
            shutil.rmtree(home)
