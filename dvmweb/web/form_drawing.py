"""Draw the form of a VM from the config model, the recipes and what was typed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from dvmweb.config.model import Defaults, FormField, form_fields
from dvmweb.errors import UsageError
from dvmweb.guest_text import visible
from dvmweb.names import vm_name
from dvmweb.web.form_input import NO, NONE, YES, Typed, is_plain, written
from dvmweb.web.form_messages import TOP, id_of, links, placed
from dvmweb.web.form_recipes import recipe_places, recipe_rows
from dvmweb.web.form_views import Choice, Field, FormView, Group, Shown

NOBODY = "name"  # stands in for the name of a VM that has none yet: its code folder is shown as ~/code/name
PROJECT, SIZE, PORTS = ("name", "kind", "repo"), ("cpus", "memory", "disk"), ("ports",)
SUGGESTED = {"image": ("fedora", "debian", "ubuntu")}


def fields_for(defaults: Defaults, name: str) -> tuple[FormField, ...]:
    """The fields of the config model with the defaults that this VM gets."""
    try:
        return form_fields(defaults, vm_name(name))
    except UsageError:
        return form_fields(defaults, NOBODY)


def form_view(shown: Shown) -> FormView:
    """Draw the form."""
    drawn = _drawn(shown)
    problems = shown.draft.problems if shown.has_errors else ()
    messages = placed(problems, drawn, lambda place: _typed_at(shown.typed, place))
    rows = recipe_rows(shown, messages)
    secrets = tuple(dict.fromkeys(field.name for row in rows for field in row.fields if field.kind == "secret"))
    in_order = {place: messages[place] for place in (TOP, *drawn) if place in messages}
    return FormView(*_groups(shown, messages), rows, tuple(messages.get("recipes", ())), links(in_order), secrets)


def _drawn(shown: Shown) -> dict[str, str]:
    """The place of every input with its label, in the order of the page."""
    drawn = {about.name: about.label for about in shown.fields if _is_drawn(about, shown)}
    return {**drawn, "recipes": "Recipes", **recipe_places(shown)}


def _is_drawn(about: FormField, shown: Shown) -> bool:
    if about.name == "name":
        return shown.draft.is_new
    return is_plain(about) and len(about.choices) != 1


def _typed_at(typed: Typed, place: str) -> str:
    return typed.name if place == "name" else typed.texts.get(place, "")


def _groups(shown: Shown, messages: Mapping[str, Collection[str]]) -> tuple[Group, Group]:
    drawn = {about.name: _field(about, shown, messages) for about in shown.fields if _is_drawn(about, shown)}

    def some(names: Iterable[str]) -> tuple[Field, ...]:
        return tuple(drawn[name] for name in names if name in drawn)

    known = (*PROJECT, *SIZE, *PORTS)
    project = Group("project", "Project", some(PROJECT), some(SIZE), some(PORTS))
    return project, Group("system", "System", tuple(field for name, field in drawn.items() if name not in known))


def _field(about: FormField, shown: Shown, messages: Mapping[str, Collection[str]]) -> Field:
    is_name = about.name == "name"
    value = shown.typed.name if is_name else shown.typed.texts.get(about.name, "")
    inherited = written(about.default)
    words = (YES, NO) if about.kind == "yes-no" else about.choices
    return Field(
        name=about.name,
        id=id_of(about.name),
        label=about.label,
        help=about.help,
        value=value,
        placeholder=inherited if about.default is not None else written(about.example),
        note=" ".join(part for part in (_inherited(about, shown.defaults), shown.notes.get(about.name, "")) if part),
        kind="choice" if words else "number" if about.kind == "number" else "text",
        errors=tuple(messages.get(about.name, ())),
        choices=_choices(words, value, f"{inherited}, {_where(about, shown.defaults)}") if words else (),
        suggestions=SUGGESTED.get(about.name, ()),
        is_optional=about.default is None and not is_name,
    )


def _inherited(about: FormField, defaults: Defaults) -> str:
    """What an empty input means; a choice says it in its first word."""
    inherited = written(about.default)
    if not inherited or about.choices or about.kind == "yes-no":
        return ""
    none = f" Write {NONE} for no {about.label.lower()}." if about.kind == "list" and inherited != NONE else ""
    return f"Empty: {visible(inherited)}, {_where(about, defaults)}.{none}"


def _where(about: FormField, defaults: Defaults) -> str:
    return "from config.yaml" if about.name in defaults.values else "the default"


def _choices(words: Sequence[str], value: str, inherited: str) -> tuple[Choice, ...]:
    odd = (value,) if value and value not in words else ()  # what a file says stays until another is chosen
    default = Choice("", inherited, not value)
    return default, *(Choice(word, visible(word, 60), word == value) for word in (*words, *odd))
