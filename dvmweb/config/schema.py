"""The JSON Schema (draft 2020-12) of a VM config, for editors: made from the fields of the model. Pure.

It accepts every config that dvm accepts. What it cannot express stays with dvm: the rules between two
files, and those between two fields, except that a service has no repository.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dvmweb import names
from dvmweb.config import fields, kinds, values
from dvmweb.config.model import CODE_DIR, FormField, form_fields

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NOT_IN_A_FILE = ("name",)  # the name of the file gives it
_NO_PARENT = r"(?!.*(?:^|[/:])\.\.(?:[/:]|$))"
_VISIBLE = r"(?!.*\{\{)[^\u0000-\u001f\u007f-\u009f]"


def vm_schema(recipes: Sequence[str] = ()) -> Schema:
    """The schema of `vms/NAME.yaml`; `recipes`: names that an editor can offer (others are accepted too)."""
    shapes = _shapes(recipes)
    properties = {field.name: _property(field, shapes[field.name]) for field in form_fields() if field.name in shapes}
    is_service = {"properties": {"kind": {"enum": list(kinds.SERVICES)}}, "required": ["kind"]}
    return {
        "$schema": DIALECT,
        "$comment": "Written by dvm and kept up to date by it: changes are overwritten.",
        "title": "Config of a dvm VM",
        "description": "vms/NAME.yaml. `dvm config validate NAME` also checks recipes, and ports that two VMs share.",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        "if": is_service,
        "then": {"properties": {"repo": False}},
    }


def _property(field: FormField, shape: Schema) -> Schema:
    default = CODE_DIR if field.name == "code_dir" else field.default
    about: Schema = {"title": field.label, "description": field.help}
    given = {} if default is None else {"default": default}
    return {**about, **shape, **given, "examples": [field.example]}


def _shapes(recipes: Sequence[str]) -> dict[str, Schema]:
    """What each field of a file can contain."""
    recipe = _text(names.RECIPE_PATTERN.pattern, most=names.RECIPE_LENGTH)
    offered = {"anyOf": [{"enum": list(recipes)}, recipe]} if recipes else recipe
    return {
        "kind": {"enum": list(kinds.KINDS)},
        "repo": _text(fields.REPO.pattern, unless=_NO_PARENT),
        "cpus": {"type": "integer", "minimum": fields.CPUS[0], "maximum": fields.CPUS[1]},
        "memory": _size(fields.MEMORY),
        "disk": _size(fields.DISK),
        "image": {"anyOf": [_text(fields.IMAGE.pattern), _text(f"/{_VISIBLE}*(?<!/)", unless=_NO_PARENT)]},
        "arch": {"enum": list(_choices("arch"))},
        "user": {**_text(fields.USER.pattern), "not": {"enum": sorted(fields.TAKEN_USERS)}},
        "code_dir": _code_dir(),
        "ports": _list({"anyOf": [_port_number(), _port_text()]}) | {"uniqueItems": True},
        "recipes": _list(offered),
        "params": _map(names.RECIPE_PATTERN, _map(names.PARAM_PATTERN, _param_value())),
        "baseline": {"type": "boolean"},
        "idle_stop": {"type": "integer", "minimum": fields.IDLE_STOP[0], "maximum": fields.IDLE_STOP[1]},
    }


def _choices(name: str) -> tuple[str, ...]:
    return next(field.choices for field in form_fields() if field.name == name)


def _text(pattern: str, *, unless: str = "", most: int = values.MAX_TEXT) -> Schema:
    """A text that matches as a whole; `unless`: a lookahead before it."""
    return {"type": "string", "pattern": f"^{unless}(?:{pattern})$", "maxLength": most}


def _code_dir() -> Schema:
    below = rf"(?:~|/home/{fields.USER.pattern})(?!/\.)(?!/bin(?:/|$))(?!/go(?:/bin)?$){fields.GUEST_PATH.pattern}"
    unless = r"(?!.*/(?:\.|\.\.|\.git)(?:/|$))"
    return {"anyOf": [{"const": CODE_DIR}, _text(below, unless=unless, most=200)]}


def _port_number() -> Schema:
    least, most = fields.HOST_PORTS
    return {"type": "integer", "minimum": least, "maximum": most, "not": {"enum": list(fields.DASHBOARD_PORTS)}}


def _port_text() -> Schema:
    """`3000` or `3000:80`, with zeros before a number or not."""
    taken = "|".join(map(str, fields.DASHBOARD_PORTS))
    lengths, free = r"(?=[0-9]{1,5}(?::[0-9]{1,5})?$)", rf"(?!0*(?:{taken})(?::|$))(?!.*:0*22$)"
    return _text(f"0*{whole(*fields.HOST_PORTS)}(?::0*{whole(1, 65535)})?", unless=lengths + free)


def _size(limits: tuple[int, int]) -> Schema:
    """A size from the least to the most bytes, in each unit."""
    least, most = limits
    spans = {unit: (-(-least // size), min(most // size, 9_999_999)) for unit, size in values.UNITS.items()}
    return _text("|".join(f"{whole(*span)}{unit}" for unit, span in spans.items()))


def whole(least: int, most: int) -> str:
    """A pattern for the whole numbers from `least` to `most`, without zeros before them."""
    lengths = range(len(str(least)), len(str(most)) + 1)
    ends = [(max(least, 10 ** (length - 1)), min(most, 10**length - 1)) for length in lengths]
    return f"(?:{'|'.join(_span(str(first), str(last)) for first, last in ends)})"


def _span(first: str, last: str) -> str:
    """A pattern for the numbers between two of the same length."""
    head, rest = (first[0], last[0]), len(first) - 1
    if first == last:
        return first
    if not rest:
        return f"[{first}-{last}]"
    if head[0] == head[1]:
        return f"{head[0]}{_group(first[1:], last[1:])}"
    between = [f"[{int(head[0]) + 1}-{int(head[1]) - 1}][0-9]{{{rest}}}"] if int(head[1]) - int(head[0]) > 1 else []
    low, high = _group(first[1:], "9" * rest), _group("0" * rest, last[1:])
    return "|".join((f"{head[0]}{low}", *between, f"{head[1]}{high}"))


def _group(first: str, last: str) -> str:
    return f"(?:{_span(first, last)})"


def _param_value() -> Schema:
    return {"anyOf": [_text(f"{_VISIBLE}*"), {"type": ["integer", "boolean"]}]}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item, "maxItems": values.MAX_ITEMS}


def _map(key: re.Pattern[str], value: Schema) -> Schema:
    known = {"pattern": f"^(?:{key.pattern})$", "maxLength": names.RECIPE_LENGTH}
    return {
        "type": "object",
        "propertyNames": known,
        "additionalProperties": value,
        "maxProperties": values.MAX_ITEMS,
    }
