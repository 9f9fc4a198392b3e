"""The recipes of a form: which can be chosen, which are added automatically, and their params."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dvmweb import recipes
from dvmweb.config.kinds import KINDS
from dvmweb.config.typed import NO, NO_TEXT, YES
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.recipes.groups import group_of
from dvmweb.recipes.model import CHOICE, NUMBER, YES_NO
from dvmweb.recipes.param_types import OFF, ON, misfit
from dvmweb.recipes.selection import BASELINE
from dvmweb.web.form.input import PARAM, default_text, default_word, written
from dvmweb.web.form.messages import id_of
from dvmweb.web.form.recipe_groups import BUNDLES
from dvmweb.web.form.views import Choice, Field, RecipeRow, Shown
from dvmweb.web.ui.values import SECRET

KEPT_SECRET = "Sent to the guest, which keeps it; never stored on the host. Enter it the first time, or to change it."  # noqa: S105
SECRET_ONCE = "Sent to the guest with the next sync and never stored. Enter it when the recipe asks for it."  # noqa: S105


def read_catalog(catalog: recipes.RecipeCatalog, names: Iterable[str]) -> tuple[recipes.Recipe | DvmError, ...]:
    """Return each recipe of `names`, or the error why it cannot be used."""
    found: list[recipes.Recipe | DvmError] = []
    for name in names:
        try:
            found.append(catalog.load(name))
        except DvmError as error:
            found.append(error)
    return tuple(found)


def recipe_places(shown: Shown) -> dict[str, str]:
    """Return the places of all recipe inputs with their labels, in page order."""
    drawn: dict[str, str] = {}
    for name in _row_names(shown):
        drawn[f"recipe.{name}"] = name
        recipe = _in_catalog(shown, name)
        labels = {param.name: param.label for param in recipe.params if not param.secret} if recipe else {}
        extra = {param: param for owner, param in shown.typed.params if owner == name and _is_extra(recipe, param)}
        drawn |= {f"{PARAM}{name}.{param}": visible(label, 60) for param, label in {**labels, **extra}.items()}
    return drawn


def recipe_rows(shown: Shown, messages: Mapping[str, Collection[str]]) -> tuple[RecipeRow, ...]:
    """Return all rows; `messages` are sentences by place."""
    return tuple(_row(shown, name, messages) for name in _row_names(shown))


def _row_names(shown: Shown) -> tuple[str, ...]:
    """Return bundles, recipes, then unknown names from the config. Baseline has its own field."""
    catalog = [name for name in shown.catalog_names if name != BASELINE]
    return tuple(dict.fromkeys((*shown.defaults.bundles, *catalog, *shown.typed.recipes)))


def _in_catalog(shown: Shown, name: str) -> recipes.Recipe | None:
    if name in shown.defaults.bundles or name not in shown.catalog_names:
        return None
    found = shown.catalog[shown.catalog_names.index(name)]
    return found if isinstance(found, recipes.Recipe) else None


def _row(shown: Shown, name: str, messages: Mapping[str, Collection[str]]) -> RecipeRow:
    recipe = _in_catalog(shown, name)
    fields = _params(shown, name, recipe, messages)
    is_chosen, added = name in shown.typed.recipes, _added(shown, name)
    errors = tuple(messages.get(f"recipe.{name}", ())) or _unreadable(shown, name)
    needs_input = any(field.kind == "secret" or field.is_required for field in fields)
    kind = shown.draft.config.kind if shown.draft.config else shown.typed.texts.get("kind")
    return RecipeRow(
        name=visible(name, 60),
        value=name,
        id=id_of(f"recipe.{name}"),
        group=BUNDLES if name in shown.defaults.bundles else group_of(recipe.category if recipe else ""),
        tag=_tag(shown, name, recipe),
        summary=recipe.summary if recipe else visible(", ".join(shown.defaults.bundles.get(name, ())), 400),
        is_chosen=is_chosen,
        added=added,
        facts=_facts(recipe) if recipe else "",
        fields=fields,
        is_open=any(field.value or field.errors for field in fields) or name == kind or (bool(added) and needs_input),
        errors=errors,
        is_yours=recipe is not None and recipe.is_local,
        mark=_mark(shown, name, recipe),
        needs_input=needs_input,
        of_kind=name in KINDS,
    )


def _mark(shown: Shown, name: str, recipe: recipes.Recipe | None) -> str:
    if recipe is None:
        return _tag(shown, name, recipe)
    return "yours" if recipe.is_local else ""


def _tag(shown: Shown, name: str, recipe: recipes.Recipe | None) -> str:
    if name in shown.defaults.bundles:
        return "bundle"
    if name not in shown.catalog_names:
        return "unknown recipe"
    if recipe is None:
        return "invalid"
    return f"{recipe.category}, local" if recipe.is_local else recipe.category


def _unreadable(shown: Shown, name: str) -> tuple[str, ...]:
    if name in shown.defaults.bundles or name not in shown.catalog_names:
        return ()
    found = shown.catalog[shown.catalog_names.index(name)]
    return (visible(str(found).replace("\n", " "), 600),) if isinstance(found, DvmError) else ()


def _added(shown: Shown, name: str) -> str:
    """Return why a recipe was added automatically, "" if it was not."""
    if name in shown.typed.recipes or name not in {recipe.name for recipe in shown.draft.recipes}:
        return ""
    bundles = [bundle for bundle in shown.typed.recipes if name in shown.defaults.bundles.get(bundle, ())]
    if shown.draft.config is not None and name == shown.draft.config.kind:
        return "Added: required by the kind."
    needing = [recipe.name for recipe in shown.draft.recipes if name in recipe.needs]
    return f"Added: part of {bundles[0]}." if bundles else f"Added: required by {' and '.join(needing)}."


def _facts(recipe: recipes.Recipe) -> str:
    needs = [need for need in recipe.needs if need != BASELINE]
    ports = ", ".join(map(str, recipe.ports))
    parts = (
        f"Requires {', '.join(needs)}." if needs else "",
        f"Listens on port {ports} in the guest." if ports else "",
    )
    return " ".join(part for part in parts if part)


def _is_extra(recipe: recipes.Recipe | None, param: str) -> bool:
    """Return whether the recipe lacks a param that the config sets; it is shown so that it can be cleared."""
    return recipe is None or param not in {one.name for one in recipe.params}


def _params(
    shown: Shown, name: str, recipe: recipes.Recipe | None, messages: Mapping[str, Collection[str]]
) -> tuple[Field, ...]:
    own = recipe.params if recipe else ()
    extra = [
        recipes.Param(param, param, "", False, "The recipe has no such param. Clear the field to remove it.")
        for owner, param in shown.typed.params
        if owner == name and _is_extra(recipe, param) and shown.typed.params[owner, param]
    ]
    return tuple(_param(shown, name, param, messages) for param in (*own, *extra))


def _param(shown: Shown, name: str, param: recipes.Param, messages: Mapping[str, Collection[str]]) -> Field:
    if param.secret:
        place = f"{SECRET}{param.name}"
        field_id = f"{id_of(place)}-{name}"  # two recipes can take the same secret
        return Field(
            name=place,
            id=field_id,
            label=param.label,
            help=f"{param.help} {KEPT_SECRET if param.is_kept else SECRET_ONCE}".strip(),
            value="",
            placeholder="",
            note="",
            kind="secret",
        )
    place = f"{PARAM}{name}.{param.name}"
    shared = shown.defaults.values.get("params")
    mine = shared.get(name) if isinstance(shared, dict) else None
    is_shared = isinstance(mine, dict) and param.name in mine
    inherited = written(mine[param.name]) if is_shared and isinstance(mine, dict) else param.default
    errors = tuple(messages.get(place, ()))
    is_in_error = any(param.help in error for error in errors)  # the error for a missing value contains the help
    default = f"{default_text(visible(inherited), is_shared=is_shared)} Enter {NO_TEXT} for an empty text."
    value = shown.typed.params.get((name, param.name), "")
    is_typed = not value or value == NO_TEXT or not misfit(param, value)  # else it is shown as it was typed
    kind = _INPUTS.get(param.kind, "text") if is_typed and value != NO_TEXT else "text"
    if kind == "switch" and inherited not in (*ON, *OFF):
        kind = "text"  # neither on nor off without a value
    parts = ("" if is_in_error else param.help, default if inherited and kind != "switch" else "")
    return Field(
        name=place,
        id=id_of(place),
        label=param.label,
        help=" ".join(part for part in parts if part),
        value=value,
        placeholder=visible(inherited),
        note="",
        is_required=param.is_required and not inherited,
        kind=kind,
        errors=errors,
        choices=_choices(param, value, inherited, is_shared=is_shared) if kind == "choice" else (),
        sends=_sends(value, inherited),
        is_on=(value or inherited) in ON,
    )


_INPUTS = {YES_NO: "switch", NUMBER: "number", CHOICE: "choice"}


def _sends(value: str, inherited: str) -> tuple[str, str]:
    """Return what a switch posts when it is off, and on: nothing for a default that the file does not set."""
    words = (NO, YES) if value in (NO, YES) else ("0", "1")  # in the words of the file
    texts = (words[0], words[1]) if value else ("" if inherited in OFF else "0", "" if inherited in ON else "1")
    return (value if value in OFF else texts[0]), (value if value in ON else texts[1])


def _choices(param: recipes.Param, value: str, inherited: str, *, is_shared: bool) -> tuple[Choice, ...]:
    word = default_word(is_shared=is_shared)
    default = Choice("", f"{visible(inherited)} ({word})" if inherited else word, not value)
    others = [choice for choice in param.choices if choice != inherited or choice == value]
    return default, *(Choice(choice, visible(choice, 60), choice == value) for choice in others)
