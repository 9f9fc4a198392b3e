"""Stores what each base was made from; a record without a time is of one that is being built."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.names import is_base_name
from dvmweb.paths import Paths
from dvmweb.recipes.bases import Base, BaseRecipe

VERSION = 1
MOST = 1_000_000  # bytes


def write(paths: Paths, base: Base) -> None:
    """Store the record of a base."""
    facts = {"version": VERSION, "base": asdict(base)}
    files.write_whole(files.private_folder(paths.bases) / f"{base.name}.json", json.dumps(facts).encode("ascii"))


def read(paths: Paths, name: str) -> Base | None:
    """The record of a base, None if there is none or it cannot be read."""
    with suppress(FileNotFoundError, DvmError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts = json.loads(files.read_bounded(paths.bases / f"{name}.json", MOST))
        if facts["version"] == VERSION and facts["base"]["name"] == name:
            return _parsed(facts["base"])
    return None


def _parsed(facts: dict[str, Any]) -> Base:
    recipes = tuple(
        BaseRecipe(str(one["name"]), str(one["digest"]), dict(one["params"])) for one in facts.pop("recipes")
    )
    made, sources = float(facts.pop("made")), tuple(map(str, facts.pop("sources")))
    return Base(**facts, recipes=recipes, sources=sources, made=made)


def names(paths: Paths) -> tuple[str, ...]:
    """The names of all records, also of those that cannot be read."""
    with suppress(FileNotFoundError, NotADirectoryError):
        found = (path.stem for path in paths.bases.iterdir() if path.suffix == ".json")
        return tuple(sorted(name for name in found if is_base_name(name)))
    return ()


def read_all(paths: Paths) -> tuple[Base, ...]:
    """All records that can be read."""
    return tuple(base for name in names(paths) if (base := read(paths, name)) is not None)


def forget(paths: Paths, name: str) -> None:
    """Remove the record of a base."""
    (paths.bases / f"{name}.json").unlink(missing_ok=True)
