"""Reads and writes lima.yaml; loads PyYAML only for YAML that is not JSON."""

from __future__ import annotations

import json
from typing import Any

Document = dict[str, Any]


class BadYaml(Exception):
    """The text is not a YAML mapping; the message has goccy's format: `[line:column] reason` and the line."""


def read(text: str) -> Document:
    """Return the mapping that `text` holds; raise BadYaml."""
    try:
        value = json.loads(text)
    except ValueError:
        value = _read_yaml(text)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadYaml(_shape(text, 1, 1, "string was used where mapping is expected"))
    return value


def _read_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadYaml(_shape(text, line, column, str(error.problem))) from error
    except yaml.YAMLError as error:
        raise BadYaml(_shape(text, 1, 1, str(error))) from error


def _shape(text: str, line: int, column: int, reason: str) -> str:
    lines = text.splitlines() or [""]
    line = min(line, len(lines))
    shown = [
        f"{'>' if number == line else ' '} {number:2} | {lines[number - 1]}"
        for number in range(max(1, line - 3), line + 1)
    ]
    return f"[{line}:{column}] {reason}\n" + "\n".join(shown) + "\n" + " " * (5 + column) + "^\n"


def place_of(text: str, key: str) -> tuple[int, int]:
    """Line and column of the value of a top-level `key`, (1, 1) if not found."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(f"{key}:"):
            return number, len(key) + 3
    return 1, 1


def wrong_type(text: str, key: str, field: str, wanted: str, got: str) -> str:
    """The message for a value of the wrong type."""
    line, column = place_of(text, key)
    return _shape(text, line, column, f"cannot unmarshal {got} into Go struct field LimaYAML.{field} of type {wanted}")


def unknown_key(text: str, key: str) -> str:
    """The message for a key that Lima does not know."""
    line, _ = place_of(text, key)
    return _shape(text, line, 1, f'unknown field "{key}"')


def write(document: Document, like: str) -> str:
    """Return `document` as text in the format of `like`: JSON or YAML."""
    if like.lstrip().startswith("{"):
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False))
