"""Draw the recipes of a form: which can be chosen, which come along, and their settings. Pure but for the shelf."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dvmweb import recipes
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.recipes.selection import BASELINE
from dvmweb.web.form_input import NO_TEXT, PARAM, SECRET, written
from dvmweb.web.form_messages import id_of
from dvmweb.web.form_views import Field, RecipeRow, Shown

KEPT_NOTE = "Goes to the guest, which keeps it; never saved on this computer: type it the first time, and to change it."
SECRET_NOTE = "Goes to the guest with the next sync and is never saved: type it when the recipe asks for it."  # noqa: S105


def read_shelf(shelf: recipes.Shelf, names: Iterable[str]) -> tuple[recipes.Recipe | DvmError, ...]:
    """Every recipe of `names`, or why it cannot be used."""
    found: list[recipes.Recipe | DvmError] = []
    for name in names:
        try:
            found.append(shelf.load(name))
        except DvmError as error:
            found.append(error)
    return tuple(found)


def recipe_places(shown: Shown) -> dict[str, str]:
    """The place of every input of the recipes with its label, in the order of the page."""
    drawn: dict[str, str] = {}
    for name in _row_names(shown):
        drawn[f"recipe.{name}"] = name
        recipe = _on_shelf(shown, name)
        labels = {param.name: param.label for param in recipe.params if not param.secret} if recipe else {}
        extra = {param: param for owner, param in shown.typed.params if owner == name and _is_extra(recipe, param)}
        drawn |= {f"{PARAM}{name}.{param}": visible(label, 60) for param, label in {**labels, **extra}.items()}
    return drawn


def recipe_rows(shown: Shown, messages: Mapping[str, Collection[str]]) -> tuple[RecipeRow, ...]:
    """All rows; `messages` are sentences by place."""
    return tuple(_row(shown, name, messages) for name in _row_names(shown))


def _row_names(shown: Shown) -> tuple[str, ...]:
    """Bundles, then all recipes, then what the config names and nobody has. Baseline has a field of its own."""
    shelf = [name for name in shown.shelf_names if name != BASELINE]
    return tuple(dict.fromkeys((*shown.defaults.bundles, *shelf, *shown.typed.recipes)))


def _on_shelf(shown: Shown, name: str) -> recipes.Recipe | None:
    if name in shown.defaults.bundles or name not in shown.shelf_names:
        return None
    found = shown.shelf[shown.shelf_names.index(name)]
    return found if isinstance(found, recipes.Recipe) else None


def _row(shown: Shown, name: str, messages: Mapping[str, Collection[str]]) -> RecipeRow:
    recipe = _on_shelf(shown, name)
    fields = _params(shown, name, recipe, messages)
    is_chosen, added = name in shown.typed.recipes, _added(shown, name)
    errors = tuple(messages.get(f"recipe.{name}", ())) or _unreadable(shown, name)
    return RecipeRow(
        name=visible(name, 60),
        value=name,
        id=id_of(f"recipe.{name}"),
        tag=_tag(shown, name, recipe),
        summary=recipe.summary if recipe else visible(", ".join(shown.defaults.bundles.get(name, ())), 400),
        is_chosen=is_chosen,
        added=added,
        facts=_facts(recipe) if recipe else "",
        fields=fields,
        is_open=any(field.value or field.errors for field in fields),
        errors=errors,
    )


def _tag(shown: Shown, name: str, recipe: recipes.Recipe | None) -> str:
    if name in shown.defaults.bundles:
        return "bundle"
    if name not in shown.shelf_names:
        return "not on the shelf"
    if recipe is None:
        return "cannot be used"
    return f"{recipe.category}, yours" if recipe.is_local else recipe.category


def _unreadable(shown: Shown, name: str) -> tuple[str, ...]:
    if name in shown.defaults.bundles or name not in shown.shelf_names:
        return ()
    found = shown.shelf[shown.shelf_names.index(name)]
    return (visible(str(found).replace("\n", " "), 600),) if isinstance(found, DvmError) else ()


def _added(shown: Shown, name: str) -> str:
    """Why a recipe comes along that nobody chose."""
    if name in shown.typed.recipes or name not in {recipe.name for recipe in shown.draft.recipes}:
        return ""
    bundles = [bundle for bundle in shown.typed.recipes if name in shown.defaults.bundles.get(bundle, ())]
    if shown.draft.config is not None and name == shown.draft.config.kind:
        return "Added: it is what this kind is."
    askers = [recipe.name for recipe in shown.draft.recipes if name in recipe.needs]
    return f"Added: part of {bundles[0]}." if bundles else f"Added: {' and '.join(askers)} needs it."


def _facts(recipe: recipes.Recipe) -> str:
    needs = [need for need in recipe.needs if need != BASELINE]
    ports = ", ".join(map(str, recipe.ports))
    parts = (f"Needs {', '.join(needs)}." if needs else "", f"Listens on {ports} in the guest." if ports else "")
    return " ".join(part for part in parts if part)


def _is_extra(recipe: recipes.Recipe | None, param: str) -> bool:
    """Whether a config sets a param that the recipe does not have: it is shown, so that it can be cleared."""
    return recipe is None or param not in {one.name for one in recipe.params}


def _params(
    shown: Shown, name: str, recipe: recipes.Recipe | None, messages: Mapping[str, Collection[str]]
) -> tuple[Field, ...]:
    own = recipe.params if recipe else ()
    extra = [
        recipes.Param(param, param, "", False, "The recipe has no such setting. Empty it to remove it.")
        for owner, param in shown.typed.params
        if owner == name and _is_extra(recipe, param) and shown.typed.params[owner, param]
    ]
    return tuple(_param(shown, name, param, messages) for param in (*own, *extra))


def _param(shown: Shown, name: str, param: recipes.Param, messages: Mapping[str, Collection[str]]) -> Field:
    if param.secret:
        place = f"{SECRET}{param.name}"
        field_id = f"{id_of(place)}-{name}"  # two recipes may take the same secret
        return Field(
            place, field_id, param.label, param.help, "", "", KEPT_NOTE if param.is_kept else SECRET_NOTE, "secret"
        )
    place = f"{PARAM}{name}.{param.name}"
    shared = shown.defaults.values.get("params")
    mine = shared.get(name) if isinstance(shared, dict) else None
    is_shared = isinstance(mine, dict) and param.name in mine
    inherited = written(mine[param.name]) if is_shared and isinstance(mine, dict) else param.default
    where = "from config.yaml" if is_shared else "the default"
    return Field(
        name=place,
        id=id_of(place),
        label=param.label,
        help=param.help,
        value=shown.typed.params.get((name, param.name), ""),
        placeholder=visible(inherited),
        note=f"Empty: {visible(inherited)}, {where}. Write {NO_TEXT} for no text." if inherited else "",
        kind="text",
        errors=tuple(messages.get(place, ())),
    )
