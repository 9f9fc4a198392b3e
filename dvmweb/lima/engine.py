"""Finds the engine, Lima or the demo, and checks that limactl is new enough and safe to run."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import NoEngine
from dvmweb.files import private_folder, read_bounded, write_whole
from dvmweb.paths import Paths, limactl_program

LEAST = (2, 0, 0)
INSTALL_MACOS = "brew install lima"
INSTALL_LINUX = "see https://lima-vm.io/docs/installation/ (with Homebrew: `brew install lima`)"
UPGRADE = "brew upgrade lima, or https://lima-vm.io/docs/installation/"
FLAWS = (
    ((2, 1, 3), "CVE-2026-53657 (the guest agent's socket gives root in the guest), fixed in 2.1.3"),
    ((2, 2, 0), "a guest can take over the ssh port by which `limactl shell` reaches it (PR 5293), fixed in 2.2.0"),
)


@dataclass(frozen=True)
class Engine:
    """The command prefixes for limactl and ssh. Only this room distinguishes the engines."""

    kind: str  # "lima" or "demo"
    limactl: tuple[str, ...]
    ssh: tuple[str, ...]
    notes: tuple[str, ...] = ()  # warnings that do not prevent its use (group-writable folders of Homebrew)


def find_engine(environ: Mapping[str, str], paths: Paths) -> Engine:
    """The engine for `paths`. Runs nothing. Raises NoEngine if it is missing or unsafe."""
    if paths.is_demo:
        python = demo_python()
        return Engine("demo", (*python, "limactl"), (*python, "ssh"))
    program = limactl_program(environ)
    if not program or not Path(program).is_file():
        missing = f"{program} is not there." if program else "limactl is not installed, or not on PATH."
        raise NoEngine(missing, f"Install Lima: {_install()}. To try dvm without it, set `DVM_ENGINE=demo`.")
    notes = _check_safe(program)
    ssh = shutil.which("ssh", path=environ.get("PATH", os.defpath)) or ""
    if not ssh.startswith("/"):
        raise NoEngine(
            "The OpenSSH client is not on PATH.", "Install it, for example: sudo apt-get install openssh-client"
        )
    return Engine("lima", (program,), (ssh,), notes)


def demo_python() -> tuple[str, ...]:
    """The command line of the demo engine, without its last word `limactl` or `ssh`."""
    package = Path(__file__).resolve().parent.parent
    if _is_installed(package.parent):
        return (sys.executable, "-I", "-m", "dvmweb.demo")
    # A checkout that is not installed: -I ignores PYTHONPATH and the working directory, so run it by its path.
    return (sys.executable, "-I", str(package / "demo" / "__main__.py"))


def _is_installed(folder: Path) -> bool:
    """Whether an isolated Python finds packages in `folder`: it is site-packages, or named in a .pth file there."""
    for place in map(Path, site.getsitepackages()):
        if place.resolve() == folder:
            return True
        for pth in place.glob("*.pth"):
            with suppress(OSError, UnicodeDecodeError):
                if str(folder) in pth.read_text().splitlines():
                    return True
    return False


def _install() -> str:
    return INSTALL_MACOS if sys.platform == "darwin" else INSTALL_LINUX


def _check_safe(program: str) -> tuple[str, ...]:
    """Raise NoEngine if another user can replace the program; return warnings."""
    if not program.startswith("/"):
        raise NoEngine(
            f"limactl was found as {program}, through a relative entry of PATH.", "Take that entry out of PATH."
        )
    found, real = Path(program), Path(os.path.realpath(program))
    for path in dict.fromkeys((found.parent, real.parent, real)):
        mode = path.stat().st_mode
        if mode & stat.S_IWOTH:
            raise NoEngine(f"{path} is writable by every user of the host.", f"Make it safe: chmod o-w {path}")
    for path in dict.fromkeys((*found.parents, *real.parents)):
        mode = path.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise NoEngine(f"{path} is writable by every user of the host.", f"Make it safe: chmod o-w {path}")
    return tuple(
        f"{path} is writable by its group."
        for path in dict.fromkeys((found.parent, real.parent, real))
        if path.stat().st_mode & stat.S_IWGRP
    )


def check_version(text: str) -> tuple[str, str]:
    """Read `limactl --version`: (version, warning). Raises NoEngine below 2.0.0.

    A build without a version number passes, with a warning that it could not be checked.
    """
    version = text.strip().removeprefix("limactl version ").strip()[:60]
    match = re.match(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})", version)
    if match is None:
        return version, "This limactl does not report its version, so its known security holes cannot be checked."
    number = (int(match[1]), int(match[2]), int(match[3]))
    if number < LEAST:
        raise NoEngine(f"limactl {version} is too old; dvm needs 2.0.0 or newer.", f"Upgrade it: {UPGRADE}")
    flaws = [flaw for fixed, flaw in FLAWS if number < fixed]
    return (
        version,
        f"limactl {version} has known security holes: {'; '.join(flaws)}. Upgrade it: {UPGRADE}" if flaws else "",
    )


def known_version(engine: Engine, paths: Paths) -> str | None:
    """The stored output of this limactl's `--version`; None if it was not run for this file yet."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        note = json.loads(read_bounded(paths.state / "engine.json", 10_000, follow=False))
        if note["file"] == _identity(engine):
            return str(note["output"])
    return None


def remember_version(engine: Engine, paths: Paths, output: str) -> None:
    """Store the output of `--version`, so that the next command need not run it."""
    private_folder(paths.state)
    note = {"version": 1, "file": _identity(engine), "output": output}
    write_whole(paths.state / "engine.json", json.dumps(note).encode())


def _identity(engine: Engine) -> list[object]:
    facts = Path(engine.limactl[0]).stat()
    return [*engine.limactl, facts.st_mtime_ns, facts.st_size]
