"""A checker for the part of JSON Schema that the schema of a config uses; any other keyword fails a test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
NOTES = {"$schema", "$comment", "title", "description", "default", "examples"}


def faults(schema: Any, value: Any, place: str = "") -> list[str]:
    """The places that a schema refuses, with the keyword that does."""
    if isinstance(schema, bool):
        return [] if schema else [f"{place}: refused"]
    found: list[str] = []
    for word, rule in schema.items():
        if word not in NOTES | {"then"}:
            found += _KEYWORDS[word](schema, rule, value, place)
    return found


def _failed(is_right: bool, word: str, place: str) -> list[str]:
    return [] if is_right else [f"{place}: {word}"]


def _type(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    names = [rule] if isinstance(rule, str) else rule
    is_right = any(
        isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names
    )
    return _failed(is_right, "type", place)


def _pattern(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    assert rule.startswith("^")
    assert rule.endswith("$")
    return _failed(not isinstance(value, str) or bool(re.fullmatch(rule[1:], value)), "pattern", place)


def _properties(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    given = value if isinstance(value, dict) else {}
    return [one for name in rule if name in given for one in faults(rule[name], given[name], f"{place}.{name}")]


def _additional(schema: Any, rule: Any, value: Any, place: str) -> list[str]:
    given = value if isinstance(value, dict) else {}
    rest = [name for name in given if name not in schema.get("properties", {})]
    return [one for name in rest for one in faults(rule, given[name], f"{place}.{name}")]


def _names(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    return [one for name in (value if isinstance(value, dict) else {}) for one in faults(rule, name, f"{place}.{name}")]


def _items(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    given = value if isinstance(value, list) else []
    return [one for number, item in enumerate(given, 1) for one in faults(rule, item, f"{place}.{number}")]


def _if(schema: Any, rule: Any, value: Any, place: str) -> list[str]:
    return [] if faults(rule, value) else faults(schema["then"], value, place)


def _required(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    return _failed(not isinstance(value, dict) or all(name in value for name in rule), "required", place)


def _most(word: str, kind: Any) -> Any:
    return lambda _, rule, value, place: _failed(not isinstance(value, kind) or len(value) <= rule, word, place)


def _unique(_: Any, rule: Any, value: Any, place: str) -> list[str]:
    given = [repr(item) for item in value] if isinstance(value, list) else []
    return _failed(not rule or len(set(given)) == len(given), "uniqueItems", place)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_KEYWORDS: Mapping[str, Any] = {
    "type": _type,
    "pattern": _pattern,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "if": _if,
    "maxLength": _most("maxLength", str),
    "maxItems": _most("maxItems", list),
    "maxProperties": _most("maxProperties", dict),
    "uniqueItems": _unique,
    "minimum": lambda _, rule, value, place: _failed(not _is_number(value) or value >= rule, "minimum", place),
    "maximum": lambda _, rule, value, place: _failed(not _is_number(value) or value <= rule, "maximum", place),
    "enum": lambda _, rule, value, place: _failed(repr(value) in map(repr, rule), "enum", place),
    "const": lambda _, rule, value, place: _failed(repr(value) == repr(rule), "const", place),
    "anyOf": lambda _, rule, value, place: _failed(any(not faults(one, value) for one in rule), "anyOf", place),
    "not": lambda _, rule, value, place: _failed(bool(faults(rule, value)), "not", place),
    "required": _required,
}
