"""What stands in a form, as text: from a config file, from a post, and what the difference asks of the file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dvmweb.config.model import Defaults, FormField
from dvmweb.names import is_param_name, is_recipe_name

PARAM, SECRET = "params.", "secret."  # what the names of these inputs begin with
YES, NO = "yes", "no"
# What is typed for a value that is empty and not inherited: an empty input asks for the inherited one.
NONE, NO_TEXT = "none", '""'

_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_SIZE = re.compile(r"([1-9][0-9]{0,6}) ?([MGT])i?B?", re.IGNORECASE)

Params = Mapping[tuple[str, str], str]  # (recipe, param) -> text


class Fields(Protocol):
    """A posted form: werkzeug's MultiDict, or anything that answers like it."""

    def get(self, key: str, default: str) -> str: ...
    def getlist(self, key: str) -> list[str]: ...
    def keys(self) -> Iterable[str]: ...


@dataclass(frozen=True)
class Typed:
    """The content of a form. An empty text asks for the default; secrets are not part of it."""

    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  # config field -> text
    recipes: tuple[str, ...] = ()  # chosen recipes and bundles, in order
    params: Params = field(default_factory=dict)


def of_values(name: str, values: Mapping[str, object], defaults: Defaults, fields: Sequence[FormField]) -> Typed:
    """The form of a config file that holds `values`."""
    plain = [about for about in fields if is_plain(about)]
    texts = {about.name: written(values[about.name]) if about.name in values else "" for about in plain}
    params = values.get("params")
    given = params if isinstance(params, dict) else {}
    shown = {
        (recipe, param): NO_TEXT if value == "" else written(value)
        for recipe, entries in given.items()
        if isinstance(entries, dict)
        for param, value in entries.items()
    }
    return Typed(name, texts, _names(values.get("recipes", defaults.values.get("recipes"))), shown)


def of_post(form: Fields, fields: Sequence[FormField], was: Typed, name: str = "") -> Typed:
    """The form as it was posted. What a post leaves out stays as it `was`; the chosen recipes keep their order."""
    plain = (about.name for about in fields if is_plain(about))
    texts = {field: _trimmed(form.get(field, was.texts.get(field, ""))) for field in plain}
    chosen = list(dict.fromkeys(form.getlist("recipe")))
    kept = [recipe for recipe in was.recipes if recipe in chosen]
    params = {**was.params, **{place: form.get(key, "") for key, place in _param_places(form)}}
    return Typed(name or _trimmed(form.get("name", "")), texts, tuple(dict.fromkeys((*kept, *chosen))), params)


def secrets_of(form: Fields, takers: frozenset[str]) -> dict[str, bytes]:
    """The secrets of a post that a recipe takes: the first text that was given for each."""
    given = {name: next((one for one in form.getlist(SECRET + name) if one), "") for name in takers}
    return {name: text.encode() for name, text in given.items() if text}


def changes_of(
    typed: Typed, was: Typed, values: Mapping[str, object], defaults: Defaults, fields: Sequence[FormField]
) -> dict[str, object]:
    """What the file must be told: only what is typed otherwise than it `was` read from `values`."""
    changes: dict[str, object] = {}
    for about in fields:
        if is_plain(about) and typed.texts.get(about.name, "") != was.texts.get(about.name, ""):
            changes[about.name] = value_of(about.kind, typed.texts[about.name])
    if typed.recipes != was.recipes:
        is_inherited = typed.recipes == _names(defaults.values.get("recipes"))
        changes["recipes"] = None if is_inherited else list(typed.recipes)
    if typed.params != was.params:
        changes["params"] = _changed_params(typed.params, was.params, values.get("params"))
    return {name: value for name, value in changes.items() if value is not None or name in values}


def merged(typed: Typed, was: Typed, disk: Typed) -> Typed:
    """What was typed over `was`, carried over to the file as it is on the disk now."""
    texts = {**disk.texts, **{name: text for name, text in typed.texts.items() if text != was.texts.get(name, "")}}
    gone = set(was.recipes) - set(typed.recipes)
    kept = [name for name in disk.recipes if name not in gone]
    added = [name for name in typed.recipes if name not in was.recipes]
    params = {
        **disk.params,
        **{place: text for place, text in typed.params.items() if text != was.params.get(place, "")},
    }
    return replace(typed, texts=texts, recipes=tuple(dict.fromkeys((*kept, *added))), params=params)


def is_plain(about: FormField) -> bool:
    """Say whether one input holds the whole field; the name, recipes and their params have inputs of their own."""
    return about.name not in ("name", "recipes") and about.kind != "params"


def value_of(kind: str, text: str) -> object:
    """The value that a config file writes for what was typed; None for nothing. Odd text stays what it is."""
    if not text:
        return None
    if kind == "number":
        return _number(text)
    if kind == "size":
        size = _SIZE.fullmatch(text)
        return f"{size[1]}{size[2].upper()}iB" if size else text
    if kind == "list":
        return [] if text.lower() == NONE else [_number(item) for item in re.split("[ ,]+", text) if item]
    if kind == "yes-no":
        return {YES: True, NO: False}.get(text, text)
    return text


def written(value: object) -> str:
    """A value of a config file as a form shows it."""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, (list, tuple)) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value) or NONE
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def _changed_params(typed: Params, was: Params, in_file: object) -> dict[str, dict[str, object]] | None:
    """The whole `params` of a file with what was typed in its place; None where nothing is left."""
    given = in_file if isinstance(in_file, dict) else {}
    found: dict[str, dict[str, object]] = {
        recipe: dict(entries) for recipe, entries in given.items() if isinstance(entries, dict)
    }
    for (recipe, param), text in typed.items():
        if text == was.get((recipe, param), ""):
            continue
        entries = found.setdefault(recipe, {})
        if text:
            entries[param] = _as_before(text, entries.get(param))
        else:
            entries.pop(param, None)
    return {recipe: entries for recipe, entries in found.items() if entries} or None


def _as_before(text: str, old: object) -> object:
    """A number or a yes stays one when another is typed in its place; all else is text."""
    if text == NO_TEXT:
        return ""
    if isinstance(old, bool):
        return {YES: True, NO: False}.get(text, text)
    return _number(text) if isinstance(old, int) else text


def _param_places(form: Fields) -> list[tuple[str, tuple[str, str]]]:
    places = []
    for key in form.keys():  # noqa: SIM118  (a MultiDict's own iteration is not part of the protocol)
        recipe, _, param = key.removeprefix(PARAM).partition(".")
        if key.startswith(PARAM) and is_recipe_name(recipe) and is_param_name(param):
            places.append((key, (recipe, param)))
    return places


def _names(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, (list, tuple)) else ()


def _number(text: str) -> object:
    return int(text) if _WHOLE.fullmatch(text) else text


def _trimmed(text: str) -> str:
    return text.strip(" ")  # of no other character: what is odd in a text is said, not cut off
