"""The two sides of a form, fields and YAML: which one was changed since the form was rendered. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum

from dvmweb.config.line_ends import plain
from dvmweb.files import digest
from dvmweb.web.form.input import PARAM, Fields, chosen_recipes, has_no_order, last
from dvmweb.web.form.views import FormView

NO_MARK = "."  # of a form that was not rendered by us


class Side(Enum):
    """The side that was changed, which the other one follows."""

    FIELDS = "fields"
    YAML = "yaml"
    NEITHER = "neither"  # nothing was changed since the form was rendered
    TORN = "torn"  # both were changed


def mark(fields: str, text: str) -> str:
    """Return the hidden value from which `side` finds the changed side; `fields` is their digest."""
    return f"{fields}.{_print_of_text(text)}"


def side(drawn: str, fields: str, text: str) -> Side:
    """Return the side that was changed since the form with the mark `drawn` was rendered."""
    old_fields, _, old_text = drawn.partition(".")
    has_fields, has_text = fields != old_fields, _print_of_text(text) != old_text
    if has_fields and has_text:
        return Side.TORN
    return Side.FIELDS if has_fields else Side.YAML if has_text else Side.NEITHER


def print_of_view(view: FormView) -> str:
    """Return the digest of the fields as rendered."""
    drawn = [field for field in (*view.main.values(), *view.advanced) if field.name != "name"]
    drawn += [field for row in view.recipes for field in row.fields if field.kind != "secret"]
    values = {field.name: field.value for field in drawn}
    return _print(values, view.order)


def print_of_post(form: Fields, names: Iterable[str]) -> str:
    """Return the digest of the fields as posted; `names` are the inputs that belong to no recipe."""
    known = {*names, *(key for key in form.keys() if key.startswith(PARAM))}  # noqa: SIM118  (as in input.py)
    chosen = chosen_recipes(form)
    return _print({name: last(form, name) for name in known}, sorted(chosen) if has_no_order(form) else chosen)


def _print(values: Mapping[str, str], chosen: Iterable[str]) -> str:
    """Return a digest without empty inputs."""
    given = {name: value.strip(" ") for name, value in values.items() if value.strip(" ")}
    return digest(json.dumps([given, list(chosen)], sort_keys=True).encode())


def _print_of_text(text: str) -> str:
    return digest(plain(text).encode("utf-8", "surrogatepass"))
