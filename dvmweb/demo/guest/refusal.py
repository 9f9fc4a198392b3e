"""Explains why this host cannot run demo guests, and what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Settings that forbid user namespaces for ordinary users: name, forbidding value, permitting value.
_SWITCHES = (
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)
_OF_NAMESPACES = ("namespace", "uid map", "gid map", "RTM_NEWADDR", "Operation not permitted", "make-rprivate")


@dataclass(frozen=True)
class Refusal:
    """A reason and its remedy; `way` is "" if only Lima helps."""

    reason: str
    way: str = ""

    def sentence(self) -> str:
        """The message for every attempt to enter a guest."""
        lima = "install Lima (https://lima-vm.io)"
        ways = f"{self.way}, or {lima}" if self.way else lima
        return f"The demo has no guests on this host ({self.reason}): {ways}."


def not_linux() -> Refusal:
    """The refusal for systems other than Linux."""
    way = "run `brew install lima`" if sys.platform == "darwin" else ""
    return Refusal("this system has no Linux namespaces", way)


def no_bubblewrap() -> Refusal:
    """The refusal without bwrap."""
    manager = "dnf" if shutil.which("dnf") else "apt-get"
    return Refusal("Bubblewrap (bwrap) is not installed", f"run `sudo {manager} install bubblewrap`")


def of_bubblewrap(complaint: str, setting: Callable[[str], str] | None = None) -> Refusal:
    """The refusal for an error of bwrap; `setting` reads a sysctl, "" for none."""
    problem = " ".join(complaint.split()).removeprefix("bwrap: ").partition(", likely because")[0].rstrip(".")
    if not any(word in problem for word in _OF_NAMESPACES):
        return Refusal(f"Bubblewrap failed: {problem or 'it ended immediately'}")
    for name, forbidding, permitting in _SWITCHES:
        if (setting or _setting)(name) == forbidding:
            return Refusal(
                f"{name}={forbidding} forbids user namespaces for ordinary users",
                f"run `sudo sysctl {name}={permitting}`",
            )
    return Refusal(
        f"no namespaces, as in many containers or a chroot: {problem}",
        "run dvm outside of it",
    )


def _setting(name: str) -> str:
    try:
        return (Path("/proc/sys") / name.replace(".", "/")).read_text().strip()
    except OSError:
        return ""
