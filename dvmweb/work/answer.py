"""Reads the answer of `recipes/_work.sh`: hostile bytes in, a WorkReport or CouldNotLook out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dvmweb.answers import MAX_BYTES, TRY_AGAIN, Record, number, parse
from dvmweb.errors import CouldNotLook
from dvmweb.guest_text import visible
from dvmweb.work.report import KINDS, LISTS, OPERATIONS, LooseFiles, Names, RepositoryReport, WorkReport

# What the script never goes beyond: more than that is no answer of ours.
MOST_FILES = 10_000_000
MOST_COMMITS = 10_001
MOST_BYTES = 10**15 - 1
MOST_REPOSITORIES = 2_000
MOST_NAMES = 20
MOST_PROBLEMS = 5_000
TEXT_BYTES = 4_096  # a path, for the folder that was looked at
NAME_BYTES = 300
_DIGEST = re.compile(rb"[0-9a-f]{64}")


def parse_report(output: bytes, nonce: str, identity: str, looked_at: float | None = None) -> WorkReport:
    """Read the answer to `nonce` of the guest whose identity line (`INSTANCE ID`) the host keeps.

    `looked_at` is in unix seconds, now by default. Raises CouldNotLook for another guest, another question, an
    answer that is cut off or too long, and for anything in it that is not understood.
    """
    if len(output) > MAX_BYTES:
        raise CouldNotLook("The guest's work answer is too long.", TRY_AGAIN)
    records = parse(output, "work", nonce)
    _check_identity(records[:1], identity)
    draft = _Draft()
    for record in records[1:]:
        _read(draft, record)
    return _finished(draft, time.time() if looked_at is None else looked_at)


@dataclass
class _Draft:
    """What was read so far."""

    looked: tuple[str, ...] = ()
    skipped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    repositories: list[dict[str, Any]] = field(default_factory=list)  # fields of RepositoryReport
    loose: LooseFiles | None = None
    digest: str = ""


def _not_understood(what: str) -> CouldNotLook:
    return CouldNotLook(f"The guest's work answer holds {what} that is not understood.", TRY_AGAIN)


def _check_identity(first: Iterable[Record], identity: str) -> None:
    expected = tuple(word.encode() for word in identity.split())
    if len(expected) != 2 or tuple(first) != (Record("identity", expected),):
        raise CouldNotLook("The answer came from another guest than this VM.", TRY_AGAIN)


def _finished(draft: _Draft, looked_at: float) -> WorkReport:
    if not draft.problems and not (draft.looked and draft.loose and draft.digest and len(draft.skipped) == 2):
        raise _not_understood("no word of a whole look, a gap")
    return WorkReport(
        looked_at=looked_at,
        code_dir=draft.looked[0] if draft.looked else "",
        repositories=tuple(RepositoryReport(**facts) for facts in draft.repositories),
        loose=draft.loose or LooseFiles(),
        problems=tuple(draft.problems),
        skipped_ignored=draft.skipped.get("ignored", ()),
        skipped_loose=draft.skipped.get("loose", ()),
        digest=draft.digest,
    )


def _text(value: bytes, most: int = NAME_BYTES) -> str:
    if len(value) > most:
        raise _not_understood("a name too long")
    return value.decode("utf-8", "surrogateescape")


def _names(values: tuple[bytes, ...]) -> tuple[str, ...]:
    if len(values) > MOST_NAMES:
        raise _not_understood("more names")
    return tuple(_text(value) for value in values)


def _some(value: bytes, most: int) -> int:
    # A fact that is nought is never told, so that no broken digit turns work into none.
    count = number(value, most)
    if count == 0:
        raise _not_understood("a count of nought")
    return count


def _listed(values: tuple[bytes, ...]) -> Names:
    _some(values[0], MOST_FILES)
    return _counted(values)


def _counted(values: tuple[bytes, ...]) -> Names:
    names = Names(number(values[0], MOST_FILES), _names(values[1:]))
    if len(names.names) != min(names.count, MOST_NAMES):
        raise _not_understood("a count of names")
    return names


# ---- records about the whole look ----


def _looked(draft: _Draft, values: tuple[bytes, ...]) -> None:
    draft.looked = tuple(_text(value, TEXT_BYTES) for value in values)


def _skipped(draft: _Draft, values: tuple[bytes, ...]) -> None:
    scope = _text(values[0])
    if scope not in ("ignored", "loose") or scope in draft.skipped:
        raise _not_understood("a list of skipped folders")
    draft.skipped[scope] = tuple(_text(value) for value in values[1:])


def _problem(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if len(draft.problems) >= MOST_PROBLEMS:
        raise _not_understood("more problems")
    draft.problems.append(f"{visible(values[0], NAME_BYTES)}: {visible(values[1], NAME_BYTES)}")


def _repository(draft: _Draft, values: tuple[bytes, ...]) -> None:
    path, kind, branch = (_text(value) for value in values)
    if kind not in KINDS or len(draft.repositories) >= MOST_REPOSITORIES:
        raise _not_understood("a repository")
    draft.repositories.append({"path": path, "kind": kind, "branch": branch})


def _loose(draft: _Draft, values: tuple[bytes, ...]) -> None:
    files = _counted((values[0], *values[2:]))
    if draft.loose is not None:
        raise _not_understood("a second count of loose files")
    draft.loose = LooseFiles(files.count, number(values[1], MOST_BYTES), files.names)


def _digest(draft: _Draft, values: tuple[bytes, ...]) -> None:
    if draft.digest or not _DIGEST.fullmatch(values[0]):
        raise _not_understood("a checksum")
    draft.digest = values[0].decode("ascii")


# ---- records about the last repository ----


def _operation(values: tuple[bytes, ...]) -> str:
    word = _text(values[0])
    if word not in OPERATIONS:
        raise _not_understood("an operation")
    return word


_WHOLE: dict[str, tuple[int, int, Callable[[_Draft, tuple[bytes, ...]], None]]] = {
    "looked": (2, 2, _looked),
    "skipped": (1, 64, _skipped),
    "problem": (2, 2, _problem),
    "repository": (3, 3, _repository),
    "loose": (2, 2 + MOST_NAMES, _loose),
    "digest": (1, 1, _digest),
}
# tag -> least and most fields, the field of RepositoryReport, its value
_ONCE: dict[str, tuple[int, int, str, Callable[[tuple[bytes, ...]], object]]] = {
    **{name: (1, 1 + MOST_NAMES, name, _listed) for name in LISTS},
    "stashes": (1, 1, "stashes", lambda values: _some(values[0], MOST_COMMITS)),
    "unpushed": (1, 1, "unpushed", lambda values: _some(values[0], MOST_COMMITS)),
    "operation": (1, 1, "operation", _operation),
    "no-remote": (0, 0, "has_remote", lambda _: False),
    "locked": (0, 0, "is_locked", lambda _: True),
}
_MANY: dict[str, tuple[int, str, Callable[[tuple[bytes, ...]], object]]] = {
    "commit": (2, "commits", lambda values: (_text(values[0]), _text(values[1]))),
    "branch": (2, "branches", lambda values: (_text(values[0]), _some(values[1], MOST_COMMITS))),
    "local-remote": (1, "local_remotes", lambda values: _text(values[0])),
}


def _read(draft: _Draft, record: Record) -> None:
    tag, values = record.tag, record.fields
    if tag in _WHOLE:
        least, most, read = _WHOLE[tag]
        _check_count(values, least, most)
        read(draft, values)
    elif not draft.repositories:
        raise _not_understood("a record")
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
        raise _not_understood("a fact")


def _check_count(values: tuple[bytes, ...], least: int, most: int) -> None:
    if not least <= len(values) <= most:
        raise _not_understood("a record")
