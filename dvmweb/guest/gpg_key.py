"""Parses the answer of `gpg_key.sh`; runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest.protocol import TRY_AGAIN, Record

PROGRAMS = ("gpg", "git")
_FINGERPRINT = re.compile(rb"[0-9A-F]{40}")
_ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n(?:[A-Za-z0-9+/=]{1,76}\n){1,1000}-----END PGP PUBLIC KEY BLOCK-----"
)
MOST_TEXT = 1000  # bytes of an address or a reason


@dataclass(frozen=True)
class GpgKey:
    """A key that signs. The address is guest text: show it through guest_text."""

    fingerprint: str
    email: str
    public: str  # armored
    is_new: bool


@dataclass(frozen=True)
class NoGpgKey:
    """Why there is no key. The reason is guest text: show it through guest_text."""

    why: str  # missing, no-name, no-email, failed
    reason: str = ""  # the program that is missing, or what gpg printed


def parse_gpg_key(output: bytes, nonce: str) -> GpgKey | NoGpgKey:
    """The key, or why there is none. Raises CheckFailed for an answer that is incomplete or invalid."""
    records = protocol.parse(output, "gpg-key", nonce)
    if len(records) == 1:
        tag, fields = records[0].tag, records[0].fields
        if tag in ("no-name", "no-email") and not fields:
            return NoGpgKey(tag)
        if tag in ("missing", "failed") and len(fields) == 1 and len(fields[0]) <= MOST_TEXT:
            return NoGpgKey(tag, fields[0].decode("utf-8", "replace"))
        if tag == "key" and _is_key(records[0]):
            fingerprint, email, public, state = fields
            return GpgKey(fingerprint.decode(), email.decode("utf-8", "replace"), public.decode(), state == b"new")
    raise CheckFailed("The guest's answer about its GPG key is invalid.", TRY_AGAIN)


def _is_key(record: Record) -> bool:
    if len(record.fields) != 4:
        return False
    fingerprint, email, public, state = record.fields
    is_plain = _FINGERPRINT.fullmatch(fingerprint) and _ARMOR.fullmatch(public) and state in (b"new", b"old")
    return bool(is_plain) and len(email) <= MOST_TEXT
