"""What `dvm config` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvmweb.config.yaml_editor import field_lines, scalar
from dvmweb.errors import Problem
from dvmweb.verbs.config_values import Change, Setting


def facts(name: str, setting: Setting) -> dict[str, Any]:
    """A value as `dvm config get --json` prints it."""
    place = {"file": setting.file or None, "line": setting.line or None}
    return {
        "version": 1,
        "name": name,
        "key": setting.key,
        "value": setting.value,
        "origin": setting.origin,
        **place,
    }


def row(setting: Setting) -> tuple[str, ...]:
    """The row of a value: in one line."""
    return setting.key, in_line(setting.value), setting.origin


def value_lines(value: object) -> list[str]:
    """A value for scripts: text as it is, a list with one entry per line, a map as YAML."""
    if isinstance(value, dict):
        return [line for key, entry in value.items() for line in field_lines(str(key), entry)]
    return [_plain(one) for one in value] if isinstance(value, list) else [_plain(value)]


def in_line(value: object) -> str:
    """A value in one line, lists and maps as YAML writes them in brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {in_line(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(in_line(one) for one in value) + "]"
    return "" if value == "" else scalar(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else scalar(value)


def changed(change: Change) -> str:
    """What `dvm config set` has done."""
    old = "not set" if change.old is None else in_line(change.old) or '""'
    new = "not set" if change.new is None else in_line(change.new) or '""'
    if not change.is_one:
        return f"{change.key} was {new} already. Nothing was written."
    return f"{change.key}: {old} -> {new}"


def problem_facts(name: str, problem: Problem) -> dict[str, Any]:
    """A problem as `dvm config validate --json` prints it; `name` is null for a file that all VMs share."""
    return {
        "version": 1,
        "name": name or None,
        "file": problem.file or None,
        "line": problem.line or None,
        "field": problem.field or None,
        "what": problem.what,
        "todo": problem.todo,
    }


def problem_lines(found: Mapping[str, Sequence[Problem]]) -> list[str]:
    """All problems, then the VMs without one."""
    lines = [str(problem) for problems in found.values() for problem in problems]
    good = ", ".join(name for name, problems in found.items() if name and not problems)
    if good:
        lines.append(f"No problems of their own: {good}." if lines else f"No problems found: {good}.")
    return lines or ["No configs yet."]
