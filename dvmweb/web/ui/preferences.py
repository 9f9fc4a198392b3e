"""Stores how the user wants the pages: view, columns and sort of the list, keys, theme and density; never in a config.

One small file of the state folder. Whatever is in it, a page is served: an unknown word counts as not written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

FILE = "preferences.json"
MOST_BYTES = 10_000
VIEWS = ("cards", "table")
THEMES = ("system", "light", "dark")
DENSITIES = ("comfortable", "compact")
COLUMNS = {  # of the table, in their order; the name is always shown
    "state": "State",
    "work": "Unsaved work",
    "cpu": "CPU",
    "memory": "Memory",
    "disk": "Disk",
    "ports": "Ports",
    "recipes": "Recipes",
    "agents": "Agents",
    "repository": "Repository",
    "image": "Image",
    "used": "Last used",
}
USUAL = ("state", "work", "cpu", "memory", "disk", "ports", "recipes")
SORTS = ("name", *COLUMNS)
OFF = ("off", "0", "false")


@dataclass(frozen=True)
class Preferences:
    """How one user wants the pages."""

    view: str = "cards"
    columns: tuple[str, ...] = USUAL
    sort: str = "name"
    is_descending: bool = False
    has_keys: bool = True  # single letters are shortcuts (WCAG 2.1.4: they can be turned off)
    theme: str = "system"
    density: str = "comfortable"
    has_wrap: bool = True  # lines of logs wrap


USUAL_PREFERENCES = Preferences()


def read(paths: Paths) -> Preferences:
    """Return the preferences; those that cannot be read are the usual ones. Never raises."""
    with suppress(FileNotFoundError, DvmError, ValueError, RecursionError, OSError):
        facts = json.loads(files.read_bounded(paths.state / "web" / FILE, MOST_BYTES))
        return _of(facts) if isinstance(facts, dict) else USUAL_PREFERENCES
    return USUAL_PREFERENCES


def write(paths: Paths, preferences: Preferences) -> None:
    """Store them. Raises UsageError where the folder or the file is a link or another user's."""
    folder = files.private_folder(paths.state / "web")
    files.write_whole(folder / FILE, json.dumps(asdict(preferences)).encode())


def changed(old: Preferences, form: Mapping[str, str], columns: Sequence[str] = ()) -> Preferences:
    """Return the preferences with the fields of a form; an absent field and an unknown word change nothing.

    `columns` are the checked ones, and count only with `of=columns`: where none is checked a form sends none.
    """
    one = replace(
        old,
        view=_word(form.get("view"), VIEWS, old.view),
        theme=_word(form.get("theme"), THEMES, old.theme),
        density=_word(form.get("density"), DENSITIES, old.density),
    )
    if form.get("sort") in SORTS:
        one = replace(one, sort=str(form.get("sort")), is_descending=form.get("direction") == "descending")
    if form.get("of") == "columns":
        one = replace(one, columns=_columns(columns))
    if keys := form.get("keys"):
        one = replace(one, has_keys=keys not in OFF)
    if wrap := form.get("wrap"):
        one = replace(one, has_wrap=wrap not in OFF)
    return one


def _of(facts: Mapping[str, Any]) -> Preferences:
    """Return the preferences of a file, of which each value can be anything."""
    usual, columns = USUAL_PREFERENCES, facts.get("columns")
    return Preferences(
        view=_word(facts.get("view"), VIEWS, usual.view),
        columns=_columns(columns) if isinstance(columns, list) else usual.columns,
        sort=_word(facts.get("sort"), SORTS, usual.sort),
        is_descending=facts.get("is_descending") is True,
        has_keys=facts.get("has_keys") is not False,
        has_wrap=facts.get("has_wrap") is not False,
        theme=_word(facts.get("theme"), THEMES, usual.theme),
        density=_word(facts.get("density"), DENSITIES, usual.density),
    )


def _word(value: object, known: tuple[str, ...], default: str) -> str:
    return value if isinstance(value, str) and value in known else default


def _columns(values: Sequence[object]) -> tuple[str, ...]:
    """Return the known ones, each once, in the order of the table."""
    return tuple(name for name in COLUMNS if name in values)
