"""Why this machine has no demo guests, and the true way out, in one sentence."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Where a Linux forbids ordinary users their own user namespaces: the setting, its forbidding value, the permitting one.
_SWITCHES = (
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)
_OF_NAMESPACES = ("namespace", "uid map", "gid map", "RTM_NEWADDR", "Operation not permitted", "make-rprivate")


@dataclass(frozen=True)
class Refusal:
    """A cause and what helps against it; `way` is "" where only another engine helps."""

    reason: str
    way: str = ""

    def sentence(self) -> str:
        """The one sentence that every attempt to enter gets."""
        lima = "install Lima (https://lima-vm.io)"
        ways = f"{self.way}, or {lima}" if self.way else lima
        return f"The demo has no guests on this machine ({self.reason}): {ways}."


def not_linux() -> Refusal:
    """This system cannot have demo guests at all."""
    way = "get it with `brew install lima`" if sys.platform == "darwin" else ""
    return Refusal("this system has no Linux namespaces", way)


def no_bubblewrap() -> Refusal:
    """There is no bwrap."""
    manager = "dnf" if shutil.which("dnf") else "apt-get"
    return Refusal("Bubblewrap (bwrap) is not installed", f"get them with `sudo {manager} install bubblewrap`")


def of_bubblewrap(complaint: str, setting: Callable[[str], str] | None = None) -> Refusal:
    """What a bwrap that failed means; `setting` reads a sysctl, "" where there is none."""
    said = " ".join(complaint.split()).removeprefix("bwrap: ").partition(", likely because")[0].rstrip(".")
    if not any(word in said for word in _OF_NAMESPACES):
        return Refusal(f"Bubblewrap does not work here: {said or 'it ended at once'}")
    for name, forbidding, permitting in _SWITCHES:
        if (setting or _setting)(name) == forbidding:
            return Refusal(
                f"{name}={forbidding} forbids user namespaces to ordinary users",
                f"permit them with `sudo sysctl {name}={permitting}`",
            )
    return Refusal(
        f"no namespaces, as in many containers or a chroot: {said}",
        "run dvm outside of that",
    )


def _setting(name: str) -> str:
    try:
        return (Path("/proc/sys") / name.replace(".", "/")).read_text().strip()
    except OSError:
        return ""
