"""Checks for values of any field: text, sizes, lists and maps."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

from dvmweb.guest_text import HIDDEN_CATEGORIES, visible

MAX_TEXT = 500  # characters
MAX_ITEMS = 200
NOT_TEXT = "is yes or no to YAML, not text"
NO_VALUE = "has no value"
UNITS = {"MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

SIZE = re.compile(r"([1-9][0-9]{0,6})(MiB|GiB|TiB)")

Item = TypeVar("Item")
Result = TypeVar("Result")
Fault = tuple[tuple[str, ...], str, str]  # place below the field, what is wrong, what to write


class Wrong(Exception):
    """An invalid value; it can have several faults, each with its place."""

    def __init__(self, what: str, todo: str, faults: tuple[Fault, ...] = ()) -> None:
        self.faults = faults or (((), what, todo),)
        places = ((visible(".".join(place)), fault) for place, fault, _ in self.faults)
        super().__init__("; ".join(f"{place}: {fault}" if place else fault for place, fault in places))


def text(value: object) -> str:
    """`value` if it is visible text on one line. Raises Wrong otherwise."""
    if isinstance(value, bool):
        raise Wrong(NOT_TEXT, 'Put it in quotes, like "no".')
    if isinstance(value, int):
        raise Wrong("is a number, not text", f'Put it in quotes: "{value}".')
    if value is None:
        raise Wrong(NO_VALUE, "Write one, or delete the line.")
    if not isinstance(value, str):
        raise Wrong(f"is {shape(value)}, not text", "Write one value on the same line.")
    if len(value) > MAX_TEXT:
        raise Wrong(f"is longer than {MAX_TEXT} characters", "Make it shorter.")
    if any(unicodedata.category(character) in HIDDEN_CATEGORIES for character in value):
        raise Wrong(f"contains a hidden character: {visible(value, 80)}", "Write it without, on one line.")
    if "{{" in value:
        raise Wrong("contains {{, which Lima would expand", "Write it without {{.")
    return value


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them, as a config contains them."""
    unit = next((unit for unit in ("TiB", "GiB") if size % UNITS[unit] == 0), "MiB")
    return f"{size // UNITS[unit]}{unit}"


def size(value: object, least: int, most: int, example: str) -> int:
    """The bytes of a text such as "4GiB". Raises Wrong for other text, or outside `least` to `most` bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Wrong(f"is {value} without a unit", f"Write it with MiB, GiB or TiB, like {example}.")
    written = text(value)
    found = SIZE.fullmatch(written)
    todo = f"Write a whole number with MiB, GiB or TiB, like {example}."
    if not found:
        raise Wrong(f"'{visible(written, 60)}' is not a size", todo)
    in_bytes = int(found[1]) * UNITS[found[2]]
    if not least <= in_bytes <= most:
        raise Wrong(f"is {written}", f"Write a size from {size_text(least)} to {size_text(most)}.")
    return in_bytes


def yes_no(value: object) -> bool:
    """`value` if it is true or false. Raises Wrong otherwise."""
    if not isinstance(value, bool):
        raise Wrong(f"is {shape(value)}, not yes or no", "Write true or false, without quotes.")
    return value


def items(value: object, example: str) -> list[object]:
    """`value` as a list. Raises Wrong with the `example` if it is not one or too long."""
    if not isinstance(value, (list, tuple)):
        raise Wrong(f"is {shape(value)}, not a list", f"Write it like {example}.")
    if len(value) > MAX_ITEMS:
        raise Wrong(f"contains more than {MAX_ITEMS} entries", "Make it shorter.")
    return list(value)


def entries(value: object, todo: str) -> dict[str, object]:
    """`value` as a map. Raises Wrong with `todo` if it is not one or too large."""
    if not isinstance(value, dict):
        raise Wrong(f"is {shape(value)}, not names with values", todo)
    if len(value) > MAX_ITEMS:
        raise Wrong(f"contains more than {MAX_ITEMS} entries", "Make it shorter.")
    return {str(name): entry for name, entry in value.items()}


def each(given: Iterable[Item], check: Callable[[Item], Result], places: Iterable[str] = ()) -> list[Result]:
    """Check every item. Raises one Wrong with the faults of all, each at its number from 1 or its name in `places`."""
    results: list[Result] = []
    faults: list[Fault] = []
    names = iter(places)
    for number, item in enumerate(given, 1):
        place = next(names, str(number))
        try:
            results.append(check(item))
        except Wrong as wrong:
            faults += [((place, *at), what, todo) for at, what, todo in wrong.faults]
    if faults:
        raise Wrong(faults[0][1], faults[0][2], tuple(faults))
    return results


def shape(value: object) -> str:
    words = {
        bool: "yes or no",
        int: "a number",
        str: "text",
        list: "a list",
        dict: "a map",
        type(None): "nothing",
    }
    return words.get(type(value), "a value of another type")
