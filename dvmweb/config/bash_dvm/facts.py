"""What an evaluation finds: values and recipes with their lines, and what became of each line."""

from __future__ import annotations

from dataclasses import dataclass

DONE, NOTHING, LEFT = "imported", "nothing to import", "not imported"


@dataclass(frozen=True, order=True)
class Place:
    """Lines of a file, from 1."""

    file: str
    line: int
    last: int


@dataclass(frozen=True)
class Outcome:
    """What became of these lines."""

    place: Place
    level: str
    what: str


@dataclass(frozen=True)
class Value:
    """The value of a variable: text, a list, or None for an unknown one, with the reason."""

    content: str | tuple[str, ...] | None
    place: Place
    why: str = ""


@dataclass(frozen=True)
class Listed:
    """A recipe that is used: where it is named, and the function that names it ("" for none)."""

    name: str
    place: Place
    function: str = ""
