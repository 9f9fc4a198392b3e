"""Parses the answer of `key_access.sh`: whether the VM's own key opens its repository. Runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest.protocol import TRY_AGAIN

MOST_TEXT = 2000  # bytes of what git and ssh printed


class Access(Enum):
    """What became of the test."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # the server does not accept the key
    NOT_FOUND = "not found"  # no repository, or not for this key
    HOST_UNKNOWN = "host unknown"  # its host key is not stored in the VM
    HOST_CHANGED = "host changed"  # its host key is not the stored one
    UNREACHABLE = "unreachable"
    LATE = "late"
    MISSING = "missing"  # git, ssh or the key
    FAILED = "failed"


@dataclass(frozen=True)
class KeyAccess:
    """One answer. The text is guest text: show it through guest_text."""

    access: Access
    text: str = ""  # what git and ssh printed; what is missing


# The first one that is found counts. Texts of OpenSSH, then of GitHub, GitLab, Gitea, Forgejo, Gitolite, plain git.
_TEXTS: tuple[tuple[Access, str], ...] = (
    (Access.HOST_CHANGED, r"host identification has changed|host key for \S+ has changed"),
    (Access.HOST_UNKNOWN, r"host key verification failed|no \S+ host key is known"),
    (
        Access.NOT_FOUND,
        r"repository (?:'.*' )?not found|could(?: not|n't) be found|does not appear to be a git repository"
        r"|does not exist|not authorized to (?:read|write|access)|cannot find repository"
        r"|access denied|denied by fallthru",
    ),
    (Access.REFUSED, r"permission denied \(|too many authentication failures|no more authentication methods"),
    (
        Access.UNREACHABLE,
        r"could not resolve|name or service not known|connection (?:timed out|refused|reset|closed)|operation timed out"
        r"|no route to host|network is unreachable|banner exchange|kex_exchange_identification",
    ),
)


def parse_key_access(output: bytes, nonce: str) -> KeyAccess:
    """Parse the answer. Raises CheckFailed if it is incomplete or invalid."""
    records = protocol.parse(output, "key-access", nonce)
    if len(records) == 1:
        tag, fields = records[0].tag, records[0].fields
        if tag in ("accepted", "late") and not fields:
            return KeyAccess(Access(tag))
        if tag == "missing" and len(fields) == 1 and fields[0] in (b"git", b"ssh", b"key"):
            return KeyAccess(Access.MISSING, fields[0].decode())
        if tag == "failed" and len(fields) == 2 and len(fields[1]) <= MOST_TEXT and protocol.number(fields[0], 255):
            return _failed(fields[1].decode("utf-8", "replace"))
    raise CheckFailed("The guest's answer about its SSH key is invalid.", TRY_AGAIN)


def _failed(text: str) -> KeyAccess:
    found = (access for access, pattern in _TEXTS if re.search(pattern, text, re.IGNORECASE))
    return KeyAccess(next(found, Access.FAILED), text)
