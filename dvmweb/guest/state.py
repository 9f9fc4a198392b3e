"""Parses the answers of `state.sh`, `keys.sh`, `clock.sh` and `show_hook.sh`; runs nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from dvmweb.errors import CheckFailed, sentence
from dvmweb.guest import protocol
from dvmweb.guest.protocol import TRY_AGAIN, Record
from dvmweb.names import is_recipe_name

CODE_STATES = ("absent", "empty", "repository", "files")
PROBE_RESULTS = ("ok", "failed", "unknown", "late")  # late: it timed out, so the result is not known
ODD_HOOKS = {
    "link": "the project hook .dvm/sync.sh is not a plain file",
    "size": "the project hook .dvm/sync.sh is larger than 64 KB",
    "read": "the project hook .dvm/sync.sh cannot be read as text",
    "late": "reading the project hook .dvm/sync.sh timed out",
}
MAX_HOOK = 64 * 1024  # bytes
MAX_TIME = 10**12  # unix seconds
MAX_TICKS, MAX_KIB, MAX_BYTES = 10**14, 2**40, 10**15
T = TypeVar("T")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_KEY_LINE = re.compile(rb"ssh-[a-z0-9-]{2,20} [A-Za-z0-9+/=]{40,1000}( [ -~]*)?")


@dataclass(frozen=True)
class Applied:
    """A recipe that ran in the guest."""

    hash: str  # of script, library and params, as recipes.recipe_hash makes it
    result: str  # "done", or "not-run" if the demo cannot run it
    seconds: int  # unix time


@dataclass(frozen=True)
class Use:
    """Processor ticks since the guest's boot, and its memory in bytes."""

    busy: int
    ticks: int
    memory_used: int
    memory: int


@dataclass(frozen=True)
class GuestState:
    """One answer of `state.sh`. Hostname, user and origin are guest text: show them through guest_text."""

    identity: tuple[str, str] | None  # instance and id; None if none has been written
    hostname: str
    user: str
    uid: int
    boot_id: str
    is_demo: bool
    applied: Mapping[str, Applied]
    probes: Mapping[str, str]  # ok, failed, unknown or late; only of recipes that are done
    key: str  # the public key line, "" for none
    code: str  # absent, empty, repository or files
    origin: str  # URL of the remote origin, "" for none
    hook: str  # SHA-256 of the project hook, "" for none
    hook_size: int  # bytes
    hook_problem: str  # why the hook cannot run, "" if it can
    hook_applied: str  # SHA-256 of the hook that ran last, "" for none
    is_origin_late: bool = False  # reading it timed out, so `origin` is not known
    use: Use | None = None  # None if not reported; a demo guest would report its host
    network: tuple[int, int] | None = None  # bytes received and sent since the boot, of all real interfaces
    disk: tuple[int, int] | None = None  # bytes in use and size of the file system of /


@dataclass(frozen=True)
class GuestKey:
    """The public half of the VM's own SSH key."""

    line: str
    fingerprint: str


def parse_state(output: bytes, nonce: str) -> GuestState:
    """Parse the answer of `state.sh`. Raises CheckFailed if it is incomplete or invalid."""
    records = protocol.parse(output, "state", nonce)
    single: dict[str, tuple[bytes, ...]] = {}
    applied: dict[str, Applied] = {}
    probes: dict[str, str] = {}
    for record in records:
        if record.tag == "applied":
            _put(applied, *_applied(record))
        elif record.tag == "probe":
            probed, result = _fields(record, 2)
            _put(probes, _name(probed), _choice(result, PROBE_RESULTS))
        else:
            _put(single, record.tag, _fields(record, _COUNTS.get(record.tag, -1)))
    if not {"host", "code"} <= single.keys() or not probes.keys() <= applied.keys():
        raise _odd("is missing a record")
    return _state(single, applied, probes)


# The records that occur at most once, with their number of fields.
_COUNTS = {
    "identity": 2,
    "host": 4,
    "demo": 0,
    "key": 1,
    "code": 2,
    "hook": 2,
    "hook-applied": 1,
    "use": 4,
    "network": 2,
    "disk": 2,
    "odd-identity": 0,
    "odd-hook": 1,
    "late-origin": 0,
}


def _state(
    single: Mapping[str, tuple[bytes, ...]], applied: Mapping[str, Applied], probes: Mapping[str, str]
) -> GuestState:
    hostname, user, uid, boot_id = single["host"]
    code, origin = single["code"]
    hook, hook_size = single.get("hook", (b"", b"0"))
    return GuestState(
        identity=_identity(single),
        hostname=_text(hostname, 255),
        user=_text(user, 64),
        uid=protocol.number(uid, 2**32),
        boot_id=_matching(re.compile(rb"[0-9a-f-]{0,40}"), boot_id),
        is_demo="demo" in single,
        applied=applied,
        probes=probes,
        key=_matching(_KEY_LINE, single["key"][0]) if "key" in single else "",
        code=_choice(code, CODE_STATES),
        origin=_text(origin, 1000),
        hook=_matching(_SHA256, hook) if hook else "",
        hook_size=protocol.number(hook_size, MAX_HOOK),
        hook_problem=_hook_problem(single),
        hook_applied=_matching(_SHA256, single["hook-applied"][0]) if "hook-applied" in single else "",
        is_origin_late="late-origin" in single,
        use=_use(*single["use"]) if "use" in single else None,
        network=_network(*single["network"]) if "network" in single else None,
        disk=_disk(*single["disk"]) if "disk" in single else None,
    )


def done_recipes(state: GuestState) -> tuple[str, ...]:
    """The recipes that ran in the guest, without those that the demo skipped."""
    return tuple(name for name, applied in state.applied.items() if applied.result == "done")


def parse_clock(output: bytes, nonce: str) -> float:
    """Parse the answer of `clock.sh`: seconds since the epoch. Raises CheckFailed."""
    record = _only(protocol.parse(output, "clock", nonce))
    if record.tag != "time":
        raise _odd("has an unknown record")
    return protocol.number(_fields(record, 1)[0], MAX_TIME * 1000) / 1000


def parse_key(output: bytes, nonce: str) -> GuestKey | None:
    """Parse the answer of `keys.sh`; None if there is no key. Raises CheckFailed."""
    record = _only(protocol.parse(output, "key", nonce))
    if record.tag == "none":
        return None
    if record.tag != "key":
        raise _odd("has an unknown record")
    line, fingerprint = _fields(record, 2)
    return GuestKey(_matching(_KEY_LINE, line), _matching(re.compile(rb"SHA256:[A-Za-z0-9+/=]{20,60}"), fingerprint))


def parse_hook(output: bytes, nonce: str) -> tuple[str, bytes] | None:
    """The project hook as (SHA-256, its bytes), None if there is none. Raises CheckFailed."""
    record = _only(protocol.parse(output, "hook", nonce))
    if record.tag == "none":
        return None
    if record.tag == "odd":
        why = ODD_HOOKS.get(_text(_fields(record, 1)[0], 40), "the project hook cannot be shown")
        raise CheckFailed(sentence(f"{why[0].upper()}{why[1:]}"), "Make it a plain text file, or remove it.")
    if record.tag != "hook":
        raise _odd("has an unknown record")
    sha256, text = _fields(record, 2)
    if len(text) > MAX_HOOK or hashlib.sha256(text).hexdigest().encode() != sha256:
        raise _odd("does not match its checksum")
    return sha256.decode(), text


def _identity(single: Mapping[str, tuple[bytes, ...]]) -> tuple[str, str] | None:
    if "odd-identity" in single:
        raise CheckFailed(
            "The guest's /etc/dvm/identity is not as dvm wrote it.",
            "Something in the guest has changed it. Show it with: limactl shell INSTANCE cat /etc/dvm/identity",
        )
    if "identity" not in single:
        raise _odd("is missing a record")
    instance, guest_id = single["identity"]
    if not instance and not guest_id:
        return None
    return _matching(re.compile(rb"[a-z][a-z0-9-]{0,75}"), instance), _matching(re.compile(rb"[0-9a-f]{32}"), guest_id)


def _use(busy: bytes, ticks: bytes, free: bytes, memory: bytes) -> Use:
    """Parse ticks, and memory in KiB."""
    numbers = protocol.number(busy, MAX_TICKS), protocol.number(ticks, MAX_TICKS)
    kib_free, kib = protocol.number(free, MAX_KIB), protocol.number(memory, MAX_KIB)
    if numbers[0] > numbers[1] or kib_free > kib:
        raise _odd("reports more use than there is")
    return Use(*numbers, (kib - kib_free) * 1024, kib * 1024)


def _network(received: bytes, sent: bytes) -> tuple[int, int]:
    return protocol.number(received, MAX_BYTES), protocol.number(sent, MAX_BYTES)


def _disk(used: bytes, size: bytes) -> tuple[int, int]:
    """Parse KiB."""
    kib_used, kib = protocol.number(used, MAX_KIB), protocol.number(size, MAX_KIB)
    if kib_used > kib:
        raise _odd("reports more use than there is")
    return kib_used * 1024, kib * 1024


def _hook_problem(single: Mapping[str, tuple[bytes, ...]]) -> str:
    if "odd-hook" not in single:
        return ""
    return ODD_HOOKS[_choice(single["odd-hook"][0], tuple(ODD_HOOKS))]


def _applied(record: Record) -> tuple[str, Applied]:
    name, sha256, result, seconds = _fields(record, 4)
    found = Applied(
        _matching(_SHA256, sha256), _choice(result, ("done", "not-run")), protocol.number(seconds, MAX_TIME)
    )
    return _name(name), found


def _odd(what: str) -> CheckFailed:
    return CheckFailed(f"The guest's answer {what}.", TRY_AGAIN)


def _only(records: tuple[Record, ...]) -> Record:
    if len(records) != 1:
        raise _odd("does not have exactly one record")
    return records[0]


def _fields(record: Record, count: int) -> tuple[bytes, ...]:
    if len(record.fields) != count:
        raise _odd("has an unknown record")
    return record.fields


def _put(found: dict[str, T], name: str, value: T) -> None:
    if name in found:
        raise _odd("has a record twice")
    found[name] = value


def _text(field: bytes, most: int) -> str:
    if len(field) > most:
        raise _odd("has a text that is too long")
    return field.decode("utf-8", "replace")


def _name(field: bytes) -> str:
    name = _text(field, 40)
    if not is_recipe_name(name):
        raise _odd("has an invalid recipe name")
    return name


def _choice(field: bytes, allowed: tuple[str, ...]) -> str:
    text = _text(field, 40)
    if text not in allowed:
        raise _odd("has an unknown value")
    return text


def _matching(pattern: re.Pattern[bytes], field: bytes) -> str:
    if not pattern.fullmatch(field):
        raise _odd("has an invalid value")
    return field.decode("ascii")
