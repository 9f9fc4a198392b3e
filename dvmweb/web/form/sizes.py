"""Named sizes of a VM: a way to fill CPUs, memory and disk at once. The fields stay what is saved. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvmweb.config.model import FormField
from dvmweb.config.typed import value_of

SIZE_FIELDS = ("cpus", "memory", "disk")
CUSTOM = "custom"
SIZES: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("small", "Small", (2, "4GiB", "20GiB")),
    ("medium", "Medium", (4, "8GiB", "40GiB")),
    ("large", "Large", (8, "16GiB", "80GiB")),
)


@dataclass(frozen=True)
class Size:
    """One choice of the row of sizes."""

    id: str
    label: str
    detail: str  # "4 CPUs, 8 GiB, 40 GiB disk"
    fills: str  # JSON of the texts of the three fields, "" for none; an empty text is the default
    is_chosen: bool


def sizes(fields: Sequence[FormField], texts: Mapping[str, str]) -> tuple[Size, ...]:
    """Return the sizes, and *Custom…* for values that no size has; the defaults are a size of their own if need be."""
    about = {field.name: field for field in fields if field.name in SIZE_FIELDS}
    defaults = tuple(about[name].default for name in SIZE_FIELDS)
    now = tuple(_value(about[name], texts.get(name, "")) for name in SIZE_FIELDS)
    known = SIZES if defaults in {values for _, _, values in SIZES} else (("default", "Default", defaults), *SIZES)
    rows = [Size(id_, label, _detail(values), _fills(values, defaults), values == now) for id_, label, values in known]
    return (*rows, Size(CUSTOM, "Custom…", "", "", not any(row.is_chosen for row in rows)))


def _value(about: FormField, text: str) -> object:
    value = value_of(about.kind, text)
    return about.default if value is None else value


def _detail(values: Sequence[object]) -> str:
    cpus, memory, disk = (str(value).replace("GiB", " GiB") for value in values)
    return f"{cpus} CPUs, {memory}\n{disk} disk"


def _fills(values: Sequence[object], defaults: Sequence[object]) -> str:
    """Return what the fields get: nothing where the value is the default, so that the file says only what differs."""
    pairs = zip(SIZE_FIELDS, values, defaults, strict=True)
    return json.dumps({name: "" if value == default else str(value) for name, value, default in pairs})
