"""The two sides of a form, fields and YAML: which one was changed since they were drawn, saying the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum

from dvmweb.config.line_ends import plain
from dvmweb.files import digest
from dvmweb.web.form_input import PARAM, Fields
from dvmweb.web.form_views import FormView

NO_MARK = "."  # of a form that nobody has drawn


class Side(Enum):
    """The side that the other one has to follow."""

    FIELDS = "fields"
    YAML = "yaml"
    NEITHER = "neither"  # nothing was changed since they were drawn
    TORN = "torn"  # both were changed


def mark(fields: str, text: str) -> str:
    """What a form carries along, to tell later which side was changed; `fields` is a print of them."""
    return f"{fields}.{_print_of_text(text)}"


def side(drawn: str, fields: str, text: str) -> Side:
    """The side that was changed since the form with the mark `drawn` was drawn."""
    old_fields, _, old_text = drawn.partition(".")
    has_fields, has_text = fields != old_fields, _print_of_text(text) != old_text
    if has_fields and has_text:
        return Side.TORN
    return Side.FIELDS if has_fields else Side.YAML if has_text else Side.NEITHER


def print_of_view(view: FormView) -> str:
    """The print of the fields as they are drawn."""
    groups = (view.project, view.system)
    drawn = [field for group in groups for field in (*group.fields, *group.trio, *group.below) if field.name != "name"]
    drawn += [field for row in view.recipes for field in row.fields if field.kind != "secret"]
    values = {field.name: field.value for field in drawn}
    return _print(values, (row.value for row in view.recipes if row.is_chosen))


def print_of_post(form: Fields, names: Iterable[str]) -> str:
    """The print of the fields as they were posted; `names` are the inputs beside those of the recipes."""
    known = {*names, *(key for key in form.keys() if key.startswith(PARAM))}  # noqa: SIM118  (as in form_input)
    return _print({name: form.get(name, "") for name in known}, form.getlist("recipe"))


def _print(values: Mapping[str, str], chosen: Iterable[str]) -> str:
    """Empty inputs and the order of the recipes are left out: neither can be changed on the fields' side."""
    given = {name: value.strip(" ") for name, value in values.items() if value.strip(" ")}
    return digest(json.dumps([given, sorted(chosen)], sort_keys=True).encode())


def _print_of_text(text: str) -> str:
    return digest(plain(text).encode("utf-8", "surrogatepass"))
