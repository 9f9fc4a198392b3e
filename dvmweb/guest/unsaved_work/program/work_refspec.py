"""Decides whether Git would record a push of a branch: it does so only if the remote's fetch refspec covers it."""

from __future__ import annotations

from collections.abc import Mapping

import work_config as config

NARROW, NONE, MIRROR = "narrow", "no-refspec", "mirror"
HEADS = "refs/heads/"


def why_unknown(
    name: str, reference: str, away: Mapping[str, config.Remote], upstreams: Mapping[str, tuple[str, str]]
) -> tuple[str, str, str] | None:
    """(reason, remote, branch on it) if no push of the reference would be recorded, None if one would."""
    if not away:
        return None  # there is no remote to push to
    if not reference.startswith(HEADS):
        reference = ""  # a detached HEAD, or another reference: any branch of the remote can contain it
    upstream = upstreams.get(name, ("", "")) if reference else ("", "")
    for remote, facts in away.items():
        names = {reference, upstream[1] if upstream[0] == remote else ""} - {""}
        if is_noted(remote, facts, names):
            return None
    remote = upstream[0] if upstream[0] in away else "origin" if "origin" in away else min(away)
    there = upstream[1] if upstream[0] == remote else reference
    branch = there[len(HEADS) :] if there.startswith(HEADS) else ""
    return _reason(remote, away[remote]), remote, branch


def is_noted(name: str, remote: config.Remote, references: set[str]) -> bool:
    """Whether a push of one of `references` (if empty: of any branch) updates a reference of the remote."""
    own = f"refs/remotes/{name}/"
    positive = [parts for parts in map(_parts, remote.fetches) if not parts[0].startswith("^")]
    negative = [source[1:] for source, _ in map(_parts, remote.fetches) if source.startswith("^")]
    if not references:
        return any(source == f"{HEADS}*" and target.startswith(own) for source, target in positive)
    for reference in references:
        if any(_match(source, reference) is not None for source in negative):
            continue  # not recorded; try the next
        for source, target in positive:
            middle = _match(source, reference)
            if middle is not None and target.replace("*", middle, 1).startswith(own):
                return True
    return False


def targets_of(remote: config.Remote) -> list[str]:
    """The references where a fetch or push records the state of the remote."""
    return [target for _, target in map(_parts, remote.fetches) if target]


def _reason(name: str, remote: config.Remote) -> str:
    targets = [target for source, target in map(_parts, remote.fetches) if not source.startswith("^")]
    if any(target.startswith(f"refs/remotes/{name}/") for target in targets):
        return NARROW
    if remote.is_mirror or any(target.startswith(("refs/*", "*", HEADS)) for target in targets):
        return MIRROR
    return NONE


def _parts(refspec: str) -> tuple[str, str]:
    source, _, target = refspec.removeprefix("+").partition(":")
    return source, target


def _match(pattern: str, reference: str) -> str | None:
    """The text that `*` matches ("" if there is none), None if the pattern does not match."""
    before, star, behind = pattern.partition("*")
    if not star:
        return "" if reference in (pattern, f"{HEADS}{pattern}") else None
    if not (reference.startswith(before) and reference.endswith(behind)):
        return None
    if len(before) + len(behind) > len(reference):
        return None
    return reference[len(before) : len(reference) - len(behind)]
