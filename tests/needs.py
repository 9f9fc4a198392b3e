"""What a test needs of the machine: `needs("xz")` skips it without xz; the run's last lines say how to get it.

A test that runs a program which README does not name says so by this and by nothing else (test_needs.py holds it).
In CI nothing is missing: there it fails.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import shorten
from typing import NoReturn

import pytest

# Program -> Debian's package. What README asks for, and what every Debian has, is not here.
PACKAGES = {
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "curl": "curl",
    "gpg": "gnupg",
    "htop": "htop",
    "ip": "iproute2",
    "jq": "jq",
    "less": "less",
    "libatomic.so.1": "libatomic1",  # no program, and needed by one
    "make": "make",
    "node": "nodejs",
    "ps": "procps",
    "setfacl": "acl",
    "shellcheck": "shellcheck",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-analyze": "systemd",
    "tmux": "tmux",
    "unzip": "unzip",
    "vim": "vim",
    "xz": "xz-utils",
    "zip": "zip",
}
WIDTH = 200  # characters of a reason
REASON = re.compile(r"needs ([^;]+); apt-get install ([a-z0-9.+ -]+)$")


def reason(programs: Iterable[str]) -> str:
    """The words of a skip for what is missing; `summary` reads them."""
    names = sorted(programs)
    return f"needs {', '.join(names)}; apt-get install {' '.join(sorted({PACKAGES[name] for name in names}))}"


def lacking(*programs: str) -> str:
    """Why a test that needs these programs cannot run here, "" where it can."""
    absent = [program for program in programs if shutil.which(program) is None]
    return reason(absent) if absent else ""


def needs(*programs: str) -> pytest.MarkDecorator:
    """A mark: the test, or all of a module as its `pytestmark`, needs these programs."""
    why = lacking(*programs)
    return pytest.mark.skipif(bool(why) and not is_ci(), reason=why)


def need(*programs: str) -> None:
    """The same in a fixture or in the middle of a test."""
    if why := lacking(*programs):
        skip(why)


def skip(why: str) -> NoReturn:
    """Skip, or fail in CI, which must have all."""
    if is_ci():
        pytest.fail(f"in CI nothing may be missing: {why}", pytrace=False)
    pytest.skip(why)


def is_ci() -> bool:
    return os.environ.get("CI") == "true"


@dataclass(frozen=True)
class Summary:
    """What was skipped, by reason, and the packages that would let it run."""

    counts: dict[str, int]
    packages: tuple[str, ...]

    def lines(self, is_root: bool) -> list[str]:
        """The last lines of a run."""
        if not self.counts:
            return []
        ordered = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        said = ["", "Not run here:", *(f"  {count:5}  {shorten(why, WIDTH)}" for why, count in ordered)]
        if self.packages:
            who = "" if is_root else ", as root"
            said.append(f"To run what needs a program{who}: apt-get install {' '.join(self.packages)}")
        return said


def summary(reasons: Iterable[str]) -> Summary:
    """Group the reasons of skipped tests; those for a missing program are shown without the command."""
    counts: dict[str, int] = {}
    packages: set[str] = set()
    for why in reasons:
        if found := REASON.match(why):
            packages.update(found[2].split())
            why = f"needs {found[1]}"
        counts[why] = counts.get(why, 0) + 1
    return Summary(counts, tuple(sorted(packages)))
