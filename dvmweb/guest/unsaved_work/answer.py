"""Parses the answer of `program/work.sh`: untrusted bytes in, an UnsavedWorkReport or CheckFailed out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dvmweb.errors import CheckFailed
from dvmweb.guest.protocol import MAX_BYTES, TRY_AGAIN, Record, number, parse
from dvmweb.guest.unsaved_work.facts import (
    KINDS,
    LISTS,
    OPERATIONS,
    REASONS,
    LooseFiles,
    Names,
    RepositoryReport,
    Unseen,
    Unsure,
)
from dvmweb.guest.unsaved_work.report import UnsavedWorkReport
from dvmweb.guest_text import visible

# The limits of the script; an answer beyond them is invalid.
MOST_FILES = 10_000_000
MOST_COMMITS = 10_001
MOST_BYTES = 10**15 - 1
MOST_REPOSITORIES = 2_000
MOST_NAMES = 20
MOST_PROBLEMS = 5_000
MOST_UNSEEN = 50
TEXT_BYTES = 4_096  # the path of the code folder
NAME_BYTES = 300
_DIGEST = re.compile(rb"[0-9a-f]{64}")


def parse_report(output: bytes, nonce: str, identity: str, checked_at: float | None = None) -> UnsavedWorkReport:
    """Parse the answer to `nonce`; `identity`: the line `INSTANCE ID` that the host stores for this guest.

    `looked_at` is in unix seconds, now by default. Raises CheckFailed for another guest, another question, an
    answer that is incomplete or too long, and for any unknown part.
    """
    if len(output) > MAX_BYTES:
        raise CheckFailed("The guest's work answer is too long.", TRY_AGAIN)
    records = parse(output, "work", nonce)
    _check_identity(records[:1], identity)
    draft = _Draft()
    for record in records[1:]:
        _read(draft, record)
    return _finished(draft, time.time() if checked_at is None else checked_at)


@dataclass
class _Draft:
    """The records parsed so far."""

    checked: tuple[str, ...] = ()
    skipped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    repositories: list[dict[str, Any]] = field(default_factory=list)  # fields of RepositoryReport
    loose: LooseFiles | None = None
    unseen: list[Unseen] = field(default_factory=list)
    outside: Names | None = None
    is_outside_cut: bool = False
    digest: str = ""


def _invalid(what: str) -> CheckFailed:
    return CheckFailed(f"The guest's work answer is invalid: {what}.", TRY_AGAIN)


def _check_identity(first: Iterable[Record], identity: str) -> None:
    expected = tuple(word.encode() for word in identity.split())
    found = tuple(first)
    if len(expected) == 2 and found == (Record("identity", expected),):
        return
    if found == (Record("identity", (b"", b"")),):
        raise CheckFailed("This VM has no identity yet: no sync has reached that step.", "Sync it first.")
    if len(expected) == 1 and len(found) == 1 and found[0].fields[:1] == expected:
        raise CheckFailed("dvm does not know the identity of this VM.", "Sync it; the sync reads it from the guest.")
    raise CheckFailed("The answer came from another guest.", TRY_AGAIN)


def _finished(draft: _Draft, checked_at: float) -> UnsavedWorkReport:
    if not draft.problems and not (draft.checked and draft.loose and draft.digest and len(draft.skipped) == 2):
        raise _invalid("a record is missing")
    return UnsavedWorkReport(
        checked_at=checked_at,
        code_dir=draft.checked[0] if draft.checked else "",
        repositories=tuple(RepositoryReport(**facts) for facts in draft.repositories),
        loose=draft.loose or LooseFiles(),
        problems=tuple(draft.problems),
        skipped_ignored=draft.skipped.get("ignored", ()),
        skipped_loose=draft.skipped.get("loose", ()),
        digest=draft.digest,
        unseen=tuple(draft.unseen),
        outside=draft.outside or Names(),
        is_outside_cut=draft.is_outside_cut,
    )


def _text(value: bytes, most: int = NAME_BYTES) -> str:
    if len(value) > most:
        raise _invalid("a name is too long")
    return value.decode("utf-8", "surrogateescape")


def _names(values: tuple[bytes, ...]) -> tuple[str, ...]:
    if len(values) > MOST_NAMES:
        raise _invalid("too many names")
    return tuple(_text(value) for value in values)


def _some(value: bytes, most: int) -> int:
    # The script never reports a count of 0, so a damaged digit cannot turn work into none.
    count = number(value, most)
    if count == 0:
        raise _invalid("a count is 0")
    return count


def _listed(values: tuple[bytes, ...]) -> Names:
    _some(values[0], MOST_FILES)
    return _counted(values)


def _counted(values: tuple[bytes, ...]) -> Names:
    names = Names(number(values[0], MOST_FILES), _names(values[1:]))
    if len(names.names) != min(names.count, MOST_NAMES):
        raise _invalid("a count does not match its names")
    return names


# ---- records about the whole check ----


def _checked(draft: _Draft, values: tuple[bytes, ...]) -> None:
    draft.checked = tuple(_text(value, TEXT_BYTES) for value in values)


def _skipped(draft: _Draft, values: tuple[bytes, ...]) -> None:
    scope = _text(values[0])
    if scope not in ("ignored", "loose") or scope in draft.skipped:
        raise _invalid("an unknown list of skipped folders")
    draft.skipped[scope] = tuple(_text(value) for value in values[1:])


def _problem(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if len(draft.problems) >= MOST_PROBLEMS:
        raise _invalid("too many problems")
    draft.problems.append(f"{visible(values[0], NAME_BYTES)}: {visible(values[1], NAME_BYTES)}")


def _repository(draft: _Draft, values: tuple[bytes, ...]) -> None:
    path, kind, branch = (_text(value) for value in values)
    if kind not in KINDS or len(draft.repositories) >= MOST_REPOSITORIES:
        raise _invalid("an unknown kind of repository, or too many")
    draft.repositories.append({"path": path, "kind": kind, "branch": branch})


def _loose(draft: _Draft, values: tuple[bytes, ...]) -> None:
    files = _counted((values[0], *values[2:]))
    if draft.loose is not None:
        raise _invalid("two counts of loose files")
    draft.loose = LooseFiles(files.count, number(values[1], MOST_BYTES), files.names)


def _unseen(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if len(draft.unseen) >= MOST_UNSEEN:
        raise _invalid("too many unreadable folders")
    draft.unseen.append(Unseen(_text(values[0]), _text(values[1])))


def _outside(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if draft.outside:
        raise _invalid("two lists of other repositories")
    draft.outside = _listed(values)


def _outside_cut(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if draft.is_outside_cut:
        raise _invalid("a duplicate record")
    draft.is_outside_cut = True


def _digest(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if draft.digest or not _DIGEST.fullmatch(values[0]):
        raise _invalid("an invalid or duplicate checksum")
    draft.digest = values[0].decode("ascii")


# ---- records about the last repository ----


def _operation(values: tuple[bytes, ...]) -> str:
    word = _text(values[0])
    if word not in OPERATIONS:
        raise _invalid("an unknown operation")
    return word


def _unsure(values: tuple[bytes, ...]) -> Unsure:
    name, count, reason, remote, there = values
    if _text(reason) not in REASONS:
        raise _invalid("an unknown reason")
    return Unsure(_text(name), _some(count, MOST_COMMITS), _text(reason), _text(remote), _text(there))


_WHOLE: dict[str, tuple[int, int, Callable[[_Draft, tuple[bytes, ...]], None]]] = {
    "checked": (2, 2, _checked),
    "skipped": (1, 64, _skipped),
    "problem": (2, 2, _problem),
    "repository": (3, 3, _repository),
    "loose": (2, 2 + MOST_NAMES, _loose),
    "unseen": (2, 2, _unseen),
    "outside": (1, 1 + MOST_NAMES, _outside),
    "outside-cut": (0, 0, _outside_cut),
    "digest": (1, 1, _digest),
}
# tag -> minimum and maximum number of fields, field of RepositoryReport, its parser
_ONCE: dict[str, tuple[int, int, str, Callable[[tuple[bytes, ...]], object]]] = {
    **{name: (1, 1 + MOST_NAMES, name, _listed) for name in LISTS},
    "stashes": (1, 1, "stashes", lambda values: _some(values[0], MOST_COMMITS)),
    "unpushed": (1, 1, "unpushed", lambda values: _some(values[0], MOST_COMMITS)),
    "unknown": (1, 1, "unknown", lambda values: _some(values[0], MOST_COMMITS)),
    "operation": (1, 1, "operation", _operation),
    "no-remote": (0, 0, "has_remote", lambda _: False),
    "locked": (0, 0, "is_locked", lambda _: True),
}
_MANY: dict[str, tuple[int, str, Callable[[tuple[bytes, ...]], object]]] = {
    "commit": (2, "commits", lambda values: (_text(values[0]), _text(values[1]))),
    "branch": (2, "branches", lambda values: (_text(values[0]), _some(values[1], MOST_COMMITS))),
    "unsure": (5, "unsure", _unsure),
    "local-remote": (1, "local_remotes", lambda values: _text(values[0])),
}


def _read(draft: _Draft, record: Record) -> None:
    tag, values = record.tag, record.fields
    if tag in _WHOLE:
        least, most, read = _WHOLE[tag]
        _check_count(values, least, most)
        read(draft, values)
    elif not draft.repositories:
        raise _invalid("an unknown record")
    else:
        _read_fact(draft.repositories[-1], tag, values)


def _read_fact(facts: dict[str, Any], tag: str, values: tuple[bytes, ...]) -> None:
    if tag in _ONCE and _ONCE[tag][2] not in facts:
        least, most, name, value = _ONCE[tag]
        _check_count(values, least, most)
        facts[name] = value(values)
    elif tag in _MANY and len(facts.get(_MANY[tag][1], ())) < MOST_NAMES:
        count, name, value = _MANY[tag]
        _check_count(values, count, count)
        facts[name] = (*facts.get(name, ()), value(values))
    else:
        raise _invalid("an unknown or duplicate fact")


def _check_count(values: tuple[bytes, ...], least: int, most: int) -> None:
    if not least <= len(values) <= most:
        raise _invalid("a record has the wrong number of fields")
