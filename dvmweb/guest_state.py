"""What a guest answers about itself (`_state.sh`, `_keys.sh` and others), read strictly; touches nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from dvmweb import answers
from dvmweb.answers import TRY_AGAIN, Record
from dvmweb.errors import CouldNotLook
from dvmweb.names import is_recipe_name

CODE_STATES = ("absent", "empty", "repository", "files")
PROBE_RESULTS = ("ok", "failed", "unknown")
ODD_HOOKS = {
    "link": "the project hook .dvm/sync.sh is no plain file",
    "size": "the project hook .dvm/sync.sh is larger than 64 KB",
    "read": "the project hook .dvm/sync.sh cannot be read as text",
}
MAX_HOOK = 64 * 1024  # bytes
MAX_TIME = 10**12  # unix seconds
MAX_TICKS, MAX_KIB = 10**14, 2**40
T = TypeVar("T")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_KEY_LINE = re.compile(rb"ssh-[a-z0-9-]{2,20} [A-Za-z0-9+/=]{40,1000}( [ -~]*)?")


@dataclass(frozen=True)
class Applied:
    """A recipe that ran in the guest."""

    hash: str  # of script, library and params, as recipes.recipe_hash makes it
    result: str  # "done", or "not-run" where the demo cannot run it
    seconds: int  # unix time


@dataclass(frozen=True)
class Use:
    """What the guest's kernel counts: processor ticks since its boot, and memory in bytes."""

    busy: int
    ticks: int
    memory_used: int
    memory: int


@dataclass(frozen=True)
class GuestState:
    """One answer to `_state.sh`. Hostname, user and origin are the guest's text: show them through guest_text."""

    identity: tuple[str, str] | None  # instance and id; None where none was written yet
    hostname: str
    user: str
    uid: int
    boot_id: str
    is_demo: bool
    applied: Mapping[str, Applied]
    probes: Mapping[str, str]  # ok, failed or unknown; only of recipes that are done
    key: str  # the public key line, "" for none
    code: str  # absent, empty, repository or files
    origin: str  # URL of the remote called origin, "" for none
    hook: str  # SHA-256 of the project hook, "" for none
    hook_size: int  # bytes
    hook_problem: str  # why there is a hook that can never run, "" for none
    hook_applied: str  # SHA-256 of the hook that ran last, "" for none
    use: Use | None = None  # None where the guest does not tell; a demo guest would tell of its host


@dataclass(frozen=True)
class GuestKey:
    """The public half of the VM's own SSH key."""

    line: str
    fingerprint: str


def parse_state(output: bytes, nonce: str) -> GuestState:
    """Read the answer to `_state.sh`; raise CouldNotLook for anything but a whole answer of ours."""
    records = answers.parse(output, "state", nonce)
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
        raise _odd("lacks a part")
    return _state(single, applied, probes)


# The records that stand at most once, and how many fields each has.
_COUNTS = {
    "identity": 2,
    "host": 4,
    "demo": 0,
    "key": 1,
    "code": 2,
    "hook": 2,
    "hook-applied": 1,
    "use": 4,
    "odd-identity": 0,
    "odd-hook": 1,
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
        uid=answers.number(uid, 2**32),
        boot_id=_matching(re.compile(rb"[0-9a-f-]{0,40}"), boot_id),
        is_demo="demo" in single,
        applied=applied,
        probes=probes,
        key=_matching(_KEY_LINE, single["key"][0]) if "key" in single else "",
        code=_choice(code, CODE_STATES),
        origin=_text(origin, 1000),
        hook=_matching(_SHA256, hook) if hook else "",
        hook_size=answers.number(hook_size, MAX_HOOK),
        hook_problem=_hook_problem(single),
        hook_applied=_matching(_SHA256, single["hook-applied"][0]) if "hook-applied" in single else "",
        use=_use(*single["use"]) if "use" in single else None,
    )


def done_recipes(state: GuestState) -> tuple[str, ...]:
    """The recipes that ran in the guest; what the demo could not run is none of them."""
    return tuple(name for name, applied in state.applied.items() if applied.result == "done")


def parse_terminal(output: bytes, nonce: str) -> tuple[bytes, ...] | None:
    """The names of what runs in a terminal beside its shell; None where the guest knows no such terminal.

    Raises CouldNotLook for anything but a whole answer.
    """
    records = answers.parse(output, "terminal", nonce)
    if not records or records[0].tag != "shell":
        return None
    return tuple(_fields(record, 1)[0] for record in records if record.tag == "runs")


def parse_key(output: bytes, nonce: str) -> GuestKey | None:
    """Read the answer to `_keys.sh`, None where there is no key; raise CouldNotLook."""
    record = _only(answers.parse(output, "key", nonce))
    if record.tag == "none":
        return None
    if record.tag != "key":
        raise _odd("holds an unknown part")
    line, fingerprint = _fields(record, 2)
    return GuestKey(_matching(_KEY_LINE, line), _matching(re.compile(rb"SHA256:[A-Za-z0-9+/=]{20,60}"), fingerprint))


def parse_hook(output: bytes, nonce: str) -> tuple[str, bytes] | None:
    """The project hook as (SHA-256, its bytes), None where there is none; raise CouldNotLook."""
    record = _only(answers.parse(output, "hook", nonce))
    if record.tag == "none":
        return None
    if record.tag == "odd":
        why = ODD_HOOKS.get(_text(_fields(record, 1)[0], 40), "the project hook cannot be shown")
        raise CouldNotLook(f"{why[0].upper()}{why[1:]}.", "Make it a plain text file, or remove it.")
    if record.tag != "hook":
        raise _odd("holds an unknown part")
    sha256, text = _fields(record, 2)
    if len(text) > MAX_HOOK or hashlib.sha256(text).hexdigest().encode() != sha256:
        raise _odd("is not what its checksum says")
    return sha256.decode(), text


def _identity(single: Mapping[str, tuple[bytes, ...]]) -> tuple[str, str] | None:
    if "odd-identity" in single:
        raise CouldNotLook(
            "The guest's /etc/dvm/identity is not as dvm wrote it.",
            "Something in the guest changed it. Look at it with: limactl shell INSTANCE cat /etc/dvm/identity",
        )
    if "identity" not in single:
        raise _odd("lacks a part")
    instance, guest_id = single["identity"]
    if not instance and not guest_id:
        return None
    return _matching(re.compile(rb"[a-z][a-z0-9-]{0,75}"), instance), _matching(re.compile(rb"[0-9a-f]{32}"), guest_id)


def _use(busy: bytes, ticks: bytes, free: bytes, memory: bytes) -> Use:
    """Read ticks, and memory in KiB."""
    numbers = answers.number(busy, MAX_TICKS), answers.number(ticks, MAX_TICKS)
    kib_free, kib = answers.number(free, MAX_KIB), answers.number(memory, MAX_KIB)
    if numbers[0] > numbers[1] or kib_free > kib:
        raise _odd("holds more than there is")
    return Use(*numbers, (kib - kib_free) * 1024, kib * 1024)


def _hook_problem(single: Mapping[str, tuple[bytes, ...]]) -> str:
    if "odd-hook" not in single:
        return ""
    return ODD_HOOKS[_choice(single["odd-hook"][0], tuple(ODD_HOOKS))]


def _applied(record: Record) -> tuple[str, Applied]:
    name, sha256, result, seconds = _fields(record, 4)
    found = Applied(_matching(_SHA256, sha256), _choice(result, ("done", "not-run")), answers.number(seconds, MAX_TIME))
    return _name(name), found


def _odd(what: str) -> CouldNotLook:
    return CouldNotLook(f"The guest's answer {what}.", TRY_AGAIN)


def _only(records: tuple[Record, ...]) -> Record:
    if len(records) != 1:
        raise _odd("has not the one part that it should have")
    return records[0]


def _fields(record: Record, count: int) -> tuple[bytes, ...]:
    if len(record.fields) != count:
        raise _odd("holds an unknown part")
    return record.fields


def _put(found: dict[str, T], name: str, value: T) -> None:
    if name in found:
        raise _odd("holds a part twice")
    found[name] = value


def _text(field: bytes, most: int) -> str:
    if len(field) > most:
        raise _odd("holds a text that is too long")
    return field.decode("utf-8", "replace")


def _name(field: bytes) -> str:
    name = _text(field, 40)
    if not is_recipe_name(name):
        raise _odd("names a recipe that cannot be")
    return name


def _choice(field: bytes, allowed: tuple[str, ...]) -> str:
    text = _text(field, 40)
    if text not in allowed:
        raise _odd("holds a word that is not known")
    return text


def _matching(pattern: re.Pattern[bytes], field: bytes) -> str:
    if not pattern.fullmatch(field):
        raise _odd("holds a value of the wrong shape")
    return field.decode("ascii")
