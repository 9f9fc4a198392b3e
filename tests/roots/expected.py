"""What each recipe does in a real Debian; one that is not named here runs twice, with its probe, on each release."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

RELEASES = ("12", "13")
DEFAULT: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Expected:
    """How one recipe is run, and where it has no way but a pinned release of its makers."""

    params: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    release_only: frozenset[str] = DEFAULT  # Debian releases without a package or a compiler that is new enough
    needs_systemd: bool = False
    may_change: tuple[str, ...] = ()  # path prefixes that a second run writes anew, and is right to


BOTH, OLD = frozenset(RELEASES), frozenset({"12"})
EXPECTED: dict[str, Expected] = {
    # The slow ones first: they build.
    "zellij": Expected(release_only=OLD),
    "chezmoi": Expected(release_only=OLD),
    "docker": Expected(needs_systemd=True),
    "git": Expected(params={"user_name": "Ada Lovelace", "user_email": "ada@example.org"}),
    "git-delta": Expected(release_only=OLD),
    "helix": Expected(release_only=OLD),
    "lazygit": Expected(release_only=OLD),
    "starship": Expected(release_only=OLD),
    "yazi": Expected(release_only=BOTH),
}


def of(name: str) -> Expected:
    return EXPECTED.get(name, Expected())


def refusal(name: str, rows: str) -> str:
    """The pattern of the sentence with which a release is refused here, where `rows` are those of the table.

    Without a published checksum nothing is installed. With one, the download may fail: its makers are not reachable
    from everywhere.
    """
    for row in rows.splitlines():
        _, version, arch, sha256, url = row.split("\t")
        if arch == platform.machine():
            if sha256 == "unknown":
                return f"error: the checksum of {name} {version} for {arch} is unknown, so it was not installed."
            return f"error: could not download {url}; see that the guest reaches it"
    return f"error: dvm knows no release of {name}"
