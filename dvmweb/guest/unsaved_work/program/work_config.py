"""Reads the config of one repository: its remotes, and the settings that must be disabled for the check."""

from __future__ import annotations

import os
import re

from work_file import read_plain
from work_git import CONFIG_ENV, Git

Values = list[tuple[str, "str | None"]]  # keys as `git config --list` prints them

PLAIN_BYTES = 60_000
SECTION = re.compile(r'\[(?:(core|user)|(submodule|branch|remote)(?: "([A-Za-z0-9._/-]+)")?)\]')
# A value as Git writes it: no quotes, comment or continuation line.
LINE = re.compile(
    r'\t([A-Za-z][A-Za-z0-9-]*) = ([^"\\#;\x00-\x20\x7f](?:[^"\\#;\x00-\x1f\x7f]*[^"\\#;\x00-\x20\x7f])?)'
)
FILTER = re.compile(r"filter\..*\.(clean|smudge|process|required)", re.DOTALL)
HOOK = re.compile(r"(hook\..*)\.[^.]*", re.DOTALL)


class TooOld(Exception):
    """This Git cannot disable a filter that the config names."""


def read_plain_config(common: str) -> Values | None:
    """The values of a config with only plain lines and harmless sections; None for any other config."""
    try:
        text = os.fsdecode(read_plain(f"{common}/config", PLAIN_BYTES))
    except OSError:
        return None  # Git will report why
    values: Values = []
    prefix = ""
    for line in text.removesuffix("\n").split("\n") if text.isascii() else ("not plain",):
        section, found = SECTION.fullmatch(line), LINE.fullmatch(line)
        if section:
            prefix = ".".join(part for part in section.groups() if part)
        elif found and prefix:
            key = f"{prefix}.{found[1].lower()}"
            if prefix.startswith("remote.") and key.endswith(".vcs"):
                return None
            values.append((key, found[2]))
        else:
            return None
    return values


def silence(values: Values, git: Git) -> list[str]:
    """Arguments for Git that disable the settings that would run a program. Raises TooOld."""
    words: list[str] = []
    for key, _ in values:
        hook = HOOK.fullmatch(key)
        if FILTER.fullmatch(key):
            words += _set(key, "false" if key.endswith(".required") else "", git)
        elif hook:
            words += _set(f"{hook[1]}.enabled", "false", git)
    return words


def _set(key: str, value: str, git: Git) -> tuple[str, ...]:
    if git.version >= CONFIG_ENV:
        return (f"--config-env={key}=DVM_{'FALSE' if value else 'EMPTY'}",)
    if "=" in key:  # `-c` ends the key at the first "="
        raise TooOld
    return ("-c", f"{key}={value}")


class Remote:
    """A remote as configured."""

    __slots__ = ("addresses", "fetches", "is_mirror")

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.fetches: list[str] = []
        self.is_mirror = False


def remotes_of(values: Values) -> dict[str, Remote]:
    """Every remote that has an address."""
    found: dict[str, Remote] = {}
    for key, value in values:
        if not key.startswith("remote.") or key.count(".") < 2:
            continue  # a setting for all remotes
        name, _, field = key[len("remote.") :].rpartition(".")
        remote = found.setdefault(name, Remote())
        if field in ("url", "pushurl"):
            remote.addresses.append(value or "")
        elif field == "vcs":
            remote.addresses.append("helper::")
        elif field == "fetch":
            remote.fetches.append(value or "")
        elif field == "mirror":
            remote.is_mirror = value not in ("false", "no", "off", "0", "")
    return {name: remote for name, remote in found.items() if remote.addresses}


def upstreams_of(values: Values) -> dict[str, tuple[str, str]]:
    """Branch -> (remote, reference on it) of its upstream."""
    found: dict[str, list[str]] = {}
    for key, value in values:
        if key.startswith("branch.") and key.endswith((".remote", ".merge")):
            name, _, field = key[len("branch.") :].rpartition(".")
            found.setdefault(name, ["", ""])[field == "merge"] = value or ""
    return {name: (remote, merge) for name, (remote, merge) in found.items() if remote and merge}


def rewrites_of(values: Values) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The rewrites of addresses (old prefix, new prefix) for fetch and for push."""
    fetch, push = [], []
    for key, value in values:
        if key.startswith("url.") and key.endswith(".insteadof"):
            fetch.append((value or "", key[len("url.") : -len(".insteadof")]))
        elif key.startswith("url.") and key.endswith(".pushinsteadof"):
            push.append((value or "", key[len("url.") : -len(".pushinsteadof")]))
    return fetch, push


def is_bare(values: Values) -> bool:
    """The value of core.bare, as Git reads it."""
    stated = [value for key, value in values if key == "core.bare"]
    return bool(stated) and (stated[-1] is None or stated[-1].lower() in ("true", "yes", "on", "1"))
