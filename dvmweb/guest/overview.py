"""Parses the answer of `overview.sh`: boot, system, last commit, busiest processes, listening ports. Runs nothing.

All texts are guest text: show them through guest_text. All numbers are bounded, and none of them is trusted.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest.protocol import TRY_AGAIN, Record

MOST_SECONDS = 10**10
MOST_THOUSANDTHS = 10**7  # of a processor
MOST_KIB = 2**40
MOST = {"process": 5, "listener": 40, "address": 8}  # records of one answer
NO_COMMIT = ("none", "unreadable")
_COUNTS = {"boot": 1, "demo": 0, "system": 1, "commit": 4, "no-commit": 1, "process": 4, "listener": 4, "address": 2}
_HASH = re.compile(rb"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class Commit:
    """The last commit of the code folder."""

    hash: str
    at: float  # seconds since the epoch, as the commit says
    subject: str
    branch: str  # "" for none, or if not known


@dataclass(frozen=True)
class Process:
    """A process, without its arguments."""

    name: str
    user: str
    cpus: float  # processors that it keeps busy
    memory: int  # bytes that are resident


@dataclass(frozen=True)
class Listener:
    """A TCP port on which a program in the guest listens."""

    port: int
    is_loopback: bool  # only programs in the guest reach it
    user: str
    program: str  # "" if not known: a process of another user


@dataclass(frozen=True)
class GuestOverview:
    """One answer."""

    uptime: int | None  # seconds since the guest's boot
    system: str  # the name of its distribution, "" if not reported
    addresses: tuple[tuple[str, str], ...]  # interface and IPv4 address
    commit: Commit | None
    no_commit: str  # "none": no repository; "unreadable": no commit yet, or Git failed
    processes: tuple[Process, ...]
    listeners: tuple[Listener, ...]
    is_demo: bool = False


def parse_overview(output: bytes, nonce: str) -> GuestOverview:
    """Parse the answer. Raises CheckFailed if it is incomplete or invalid."""
    single: dict[str, tuple[bytes, ...]] = {}
    several: dict[str, list[tuple[bytes, ...]]] = {tag: [] for tag in MOST}
    for record in protocol.parse(output, "overview", nonce):
        fields = _fields(record)
        if record.tag in several:
            several[record.tag].append(fields)
        elif record.tag in single:
            raise _odd("has a record twice")
        else:
            single[record.tag] = fields
    if any(len(found) > MOST[tag] for tag, found in several.items()):
        raise _odd("has too many records")
    if ("commit" in single) == ("no-commit" in single):
        raise _odd("is missing a record")
    return GuestOverview(
        uptime=protocol.number(single["boot"][0], MOST_SECONDS) if "boot" in single else None,
        system=_text(single["system"][0], 100) if "system" in single else "",
        addresses=tuple(_address(*fields) for fields in several["address"]),
        commit=_commit(*single["commit"]) if "commit" in single else None,
        no_commit=_choice(single["no-commit"][0]) if "no-commit" in single else "",
        processes=tuple(_process(*fields) for fields in several["process"]),
        listeners=tuple(sorted((_listener(*fields) for fields in several["listener"]), key=lambda one: one.port)),
        is_demo="demo" in single,
    )


def _fields(record: Record) -> tuple[bytes, ...]:
    if len(record.fields) != _COUNTS.get(record.tag, -1):
        raise _odd("has an unknown record")
    return record.fields


def _commit(sha: bytes, at: bytes, subject: bytes, branch: bytes) -> Commit:
    if not _HASH.fullmatch(sha):
        raise _odd("has an invalid value")
    when = protocol.number(at, MOST_SECONDS * 100)
    return Commit(sha.decode("ascii"), float(when), _text(subject, 200), _text(branch, 100))


def _process(name: bytes, user: bytes, thousandths: bytes, kib: bytes) -> Process:
    cpus = protocol.number(thousandths, MOST_THOUSANDTHS) / 1000
    return Process(_text(name, 32), _text(user, 32), cpus, protocol.number(kib, MOST_KIB) * 1024)


def _listener(port: bytes, only: bytes, user: bytes, program: bytes) -> Listener:
    if only not in (b"", b"1"):
        raise _odd("has an unknown value")
    return Listener(protocol.number(port, 65_535), only == b"1", _text(user, 32), _text(program, 32))


def _address(name: bytes, address: bytes) -> tuple[str, str]:
    try:
        return _text(name, 20), str(ipaddress.IPv4Address(_text(address, 15)))
    except ValueError:
        raise _odd("has an invalid address") from None


def _choice(field: bytes) -> str:
    text = _text(field, 40)
    if text not in NO_COMMIT:
        raise _odd("has an unknown value")
    return text


def _text(field: bytes, most: int) -> str:
    if len(field) > most:
        raise _odd("has a text that is too long")
    return field.decode("utf-8", "replace")


def _odd(what: str) -> CheckFailed:
    return CheckFailed(f"The guest's answer {what}.", TRY_AGAIN)
