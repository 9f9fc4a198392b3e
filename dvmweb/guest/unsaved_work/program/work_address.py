"""Decides whether a remote is certainly outside this VM: not a path, remote helper, IP address or unusual name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from work_file import read_plain

HOST = re.compile(r"[a-z0-9][a-z0-9._-]*")
INSIDE = re.compile(r"localhost(\..*)?|.*\.(localhost|localdomain|local|internal)|ip6-.*", re.DOTALL)
Rewrites = Sequence[tuple[str, str]]


class Addresses:
    """The known names of this VM."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.own = set(_own_names(environment.get("DVM_HOSTS_FILE", "/etc/hosts")))
        self.host = os.uname().nodename.lower()

    def leads_away(self, address: str) -> bool:
        """Whether this address points outside the VM."""
        host = _host_of(address)
        host = host.rpartition("@")[2].partition(":")[0].lower()
        host = host.removesuffix(".")
        if not HOST.fullmatch(host) or host.rpartition(".")[2][:1].isdigit():
            return False
        if INSIDE.fullmatch(host) or host == self.host or host.startswith(f"{self.host}."):
            return False
        return host not in self.own

    def is_remote(self, addresses: Iterable[str], rewrites: Rewrites, push_rewrites: Rewrites) -> bool:
        """Whether all addresses point outside the VM, also after Git's rewrites."""
        for address in addresses:
            made = [new + address[len(old) :] for old, new in rewrites if address.startswith(old)]
            pushed = [new + address[len(old) :] for old, new in push_rewrites if address.startswith(old)]
            if not all(map(self.leads_away, (*(made or [address]), *pushed))):
                return False
        return True


def _host_of(address: str) -> str:
    """The host of an address with user and port; "" if there is none, or if Git would decode it to another."""
    scheme, separator, rest = address.partition("://")
    if separator and scheme in ("http", "https", "ftp", "ftps"):
        return re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if separator and scheme in ("ssh", "git", "git+ssh", "ssh+git"):
        host = rest.partition("/")[0]
        return "" if "%" in host else host  # Git decodes it before it resolves the host
    if separator or "::" in address:
        return ""
    host, separator, _ = address.partition(":")
    return host if separator else ""


def _own_names(file: str) -> Iterable[str]:
    """The names of this VM in /etc/hosts."""
    try:
        text = os.fsdecode(read_plain(file, 1 << 20))
    except OSError:
        return  # no other names
    for line in text.split("\n"):
        words = line.partition("#")[0].lower().split()
        if words and (words[0].startswith(("127.", "0.")) or words[0] in ("::1", "::")):
            yield from words
