"""A fresh Debian with exactly what README names, a checkout in an ordinary user's home, and commands typed there."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.places import TOP
from tests.roots import base
from tests.roots.root import Machine, started

HOME = Path("home") / base.USER
CHECKOUT = "dvmweb"  # in the user's home
TEMPORARY = {"disk": "/var/tmp", "tmpfs": "/tmp"}  # of a root: only /tmp lies in memory
NAMED = re.compile(r"apt-get install ((?:[a-z0-9.+-]+ ?)+)")


def packages_in_readme() -> tuple[str, ...]:
    """What README tells a user of Debian to install."""
    section = (TOP / "README.md").read_text("utf-8").partition("## Your first VM")[2].partition("\n## ")[0]
    found = NAMED.search(section)
    assert found, "README names no packages under *Your first VM*"
    return tuple(found[1].split())


@dataclass(frozen=True)
class Combination:
    """A release of Debian, and where its TMPDIR lies."""

    release: str
    where: str

    def __str__(self) -> str:
        return f"{self.release}-{self.where}"


ALL = tuple(Combination(release, where) for release in ("13", "12") for where in ("tmpfs", "disk"))


def chosen(words: str) -> tuple[Combination, ...]:
    """The combinations that `make test-bare BARE=…` asks for; "all" stands for all."""
    known = {str(one): one for one in ALL}
    names = list(known) if words == "all" else words.split()
    if wrong := [name for name in names if name not in known]:
        raise ValueError(f"no such root: {' '.join(wrong)}; there are: {' '.join(known)}")
    return tuple(known[name] for name in names)


@dataclass(frozen=True)
class Bare:
    """The machine of one combination."""

    machine: Machine
    combination: Combination
    log: Path  # of the host: what the last command said

    def words(self, script: str) -> tuple[str, ...]:
        """The command line, for this host, of a script that the user types in his checkout."""
        environ = {"TMPDIR": TEMPORARY[self.combination.where]}
        return self.machine.argv(("sh", "-c", f"cd {CHECKOUT} && {script}"), env=environ)

    def run(self, script: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a script to its end; stdout and stderr as one text."""
        return subprocess.run(
            self.words(script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd="/",
        )

    def start(self, script: str) -> subprocess.Popen[str]:
        """Start a script and leave it running; what it says comes by its stdout."""
        return subprocess.Popen(
            self.words(script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
        )

    def fetched(self) -> float:
        """The megabytes that have come over the network since the machine was started."""
        lines = Path(f"/proc/{self.machine.init}/net/dev").read_text().splitlines()
        (words,) = (line.split() for line in lines if line.strip().startswith("tap0:"))
        return int(words[1]) / 1e6


@contextmanager
def made(where: base.Place, one: Combination, packages: Sequence[str]) -> Iterator[Bare]:
    """A machine of its own on the disk, gone afterwards."""
    with where.lock():
        tree = base.minimal(where, one.release, packages)
    folder = Path(tempfile.mkdtemp(prefix=f"root-bare-{one}-", dir=where.folder))
    folder.chmod(0o755)
    try:
        base.copy(tree, folder / "tree")
        put_checkout(folder / "tree")
        with started(folder / "tree", folder, systemd=False, writable=True) as machine:
            yield Bare(machine, one, folder / "log")
    finally:
        base.remove(folder)


def put_checkout(tree: Path) -> None:
    """What is committed here, as a clone that belongs to the user."""
    goal = tree / HOME / CHECKOUT
    git = ("git", "-c", f"safe.directory={TOP}", "-c", "advice.detachedHead=false")
    subprocess.run((*git, "clone", "--quiet", "--no-local", "--depth=1", f"file://{TOP}", str(goal)), check=True)
    base.chroot(tree, "chown", "-R", f"{base.USER}:{base.USER}", f"/{HOME}")


def since(began: float) -> int:
    return round(time.monotonic() - began)


def is_dirty() -> bool:
    """Whether the checkout holds changes that no root will see."""
    git = ("git", "-c", f"safe.directory={TOP}", "-C", str(TOP), "status", "--porcelain", "--untracked-files=no")
    return bool(subprocess.run(git, capture_output=True, text=True, check=True, env=os.environ).stdout)
