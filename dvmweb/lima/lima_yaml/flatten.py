"""The single values of a nested config, each with the keys that lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def flatten(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no map, and every empty map below, with its path; lists count as one value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flatten(inner, (*path, str(key)))
    elif path:
        yield path, value


def is_empty(value: Any) -> bool:
    """Is it off, zero, without text or without members, all the way down?"""
    if isinstance(value, Mapping):
        return all(is_empty(inner) for inner in value.values())
    return not value


def value_at(value: Any, path: Path) -> Any:
    """What stands at a path, None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
