"""The content of a form as text: read from a config file or a POST, and its changes to the file. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dvmweb.config.model import Defaults, FormField
from dvmweb.config.typed import NO, NO_TEXT, NONE, YES, param_value, value_of
from dvmweb.names import is_param_name, is_recipe_name
from dvmweb.web.ui.values import SECRET

PARAM = "params."  # prefix of the names of inputs for recipe params
ORDER = "order"  # the hidden inputs with the order of the chosen recipes

Params = Mapping[tuple[str, str], str]  # (recipe, param) -> text


class Fields(Protocol):
    """A posted form: werkzeug's MultiDict or a similar object."""

    def get(self, key: str, default: str) -> str: ...
    def getlist(self, key: str) -> list[str]: ...
    def keys(self) -> Iterable[str]: ...


@dataclass(frozen=True)
class Typed:
    """The content of a form without secrets. An empty text means the default."""

    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  # config field -> text
    recipes: tuple[str, ...] = ()  # chosen recipes and bundles, in order
    params: Params = field(default_factory=dict)


def of_values(name: str, values: Mapping[str, object], defaults: Defaults, fields: Sequence[FormField]) -> Typed:
    """Return the form content for a config file with these `values`."""
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
    """Return the posted content. Missing fields stay as they `was`, and the order of recipes if none is posted."""
    plain = (about.name for about in fields if is_plain(about))
    texts = {field: _trimmed(form.get(field, was.texts.get(field, ""))) for field in plain}
    chosen = chosen_recipes(form)
    kept = [recipe for recipe in was.recipes if recipe in chosen] if has_no_order(form) else ()
    params = {**was.params, **{place: last(form, key) for key, place in _param_places(form)}}
    return Typed(name or _trimmed(form.get("name", "")), texts, tuple(dict.fromkeys((*kept, *chosen))), params)


def last(form: Fields, name: str) -> str:
    """Return the last value of an input, "" for none: a switch that is on comes after the value for off."""
    values = form.getlist(name)
    return values[-1] if values else ""


def chosen_recipes(form: Fields) -> tuple[str, ...]:
    """Return the posted recipes in the posted order; newly chosen ones last."""
    chosen = list(dict.fromkeys(form.getlist("recipe")))
    return tuple(dict.fromkeys((*(name for name in form.getlist(ORDER) if name in chosen), *chosen)))


def has_no_order(form: Fields) -> bool:
    """Return whether a post says nothing about the order of recipes."""
    return not form.getlist(ORDER)


def secrets_of(form: Fields, takers: frozenset[str]) -> dict[str, bytes]:
    """Return the posted secrets that a recipe takes: the first non-empty text of each."""
    given = {name: next((one for one in form.getlist(SECRET + name) if one), "") for name in takers}
    return {name: text.encode() for name, text in given.items() if text}


def changes_of(
    typed: Typed, was: Typed, values: Mapping[str, object], defaults: Defaults, fields: Sequence[FormField]
) -> dict[str, object]:
    """Return the changes for the file: values that differ from what `was` read from `values`."""
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
    """Apply what was typed over `was` to the current file on disk."""
    texts = {**disk.texts, **{name: text for name, text in typed.texts.items() if text != was.texts.get(name, "")}}
    gone = set(was.recipes) - set(typed.recipes)
    kept = [name for name in disk.recipes if name not in gone]
    added = [name for name in typed.recipes if name not in was.recipes]
    if [name for name in typed.recipes if name in was.recipes] != [name for name in was.recipes if name not in gone]:
        kept.sort(key=lambda name: typed.recipes.index(name) if name in typed.recipes else len(typed.recipes))
    params = {
        **disk.params,
        **{place: text for place, text in typed.params.items() if text != was.params.get(place, "")},
    }
    return replace(typed, texts=texts, recipes=tuple(dict.fromkeys((*kept, *added))), params=params)


def is_plain(about: FormField) -> bool:
    """Return whether one input contains the whole field; name, recipes and params have special inputs."""
    return about.name not in ("name", "recipes") and about.kind != "params"


def written(value: object) -> str:
    """Convert a config value to the text of a form."""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, (list, tuple)) and all(isinstance(item, str | int) for item in value):
        return ", ".join(str(item) for item in value) or NONE
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def default_text(value: str, *, is_shared: bool) -> str:
    """Return a sentence about the default of a field; `is_shared`: it is set in config.yaml."""
    return f"{default_word(is_shared=is_shared).capitalize()}: {value}."


def default_word(*, is_shared: bool) -> str:
    """Return what a default is called, in sentences and in the options of a select."""
    return "default from config.yaml" if is_shared else "default"


def _changed_params(typed: Params, was: Params, in_file: object) -> dict[str, dict[str, object]] | None:
    """Return the `params` of a file with the typed values; None if nothing is left."""
    given = in_file if isinstance(in_file, dict) else {}
    found: dict[str, dict[str, object]] = {
        recipe: dict(entries) for recipe, entries in given.items() if isinstance(entries, dict)
    }
    for (recipe, param), text in typed.items():
        if text == was.get((recipe, param), ""):
            continue
        entries = found.setdefault(recipe, {})
        if text:
            entries[param] = param_value(text, entries.get(param))
        else:
            entries.pop(param, None)
    return {recipe: entries for recipe, entries in found.items() if entries} or None


def _param_places(form: Fields) -> list[tuple[str, tuple[str, str]]]:
    places = []
    for key in form.keys():  # noqa: SIM118  (a MultiDict's own iteration is not part of the protocol)
        recipe, _, param = key.removeprefix(PARAM).partition(".")
        if key.startswith(PARAM) and is_recipe_name(recipe) and is_param_name(param):
            places.append((key, (recipe, param)))
    return places


def _names(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, (list, tuple)) else ()


def _trimmed(text: str) -> str:
    return text.strip(" ")  # only spaces: other odd characters are reported, not removed
