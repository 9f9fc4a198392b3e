"""The values of a nested config, each with its path of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def flatten(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is not a map, and every empty map, with its path; a list is one value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flatten(inner, (*path, str(key)))
    elif path:
        yield path, value


def is_empty(value: Any) -> bool:
    """Whether a value is off, zero or empty, and with it all values in it."""
    if isinstance(value, Mapping):
        return all(is_empty(inner) for inner in value.values())
    return not value


def value_at(value: Any, path: Path) -> Any:
    """The value at a path, None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
