"""Builds the form of a VM from the config model, the recipes and the input. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dvmweb.config.model import Defaults, FormField, form_fields
from dvmweb.config.typed import NO, NONE, YES
from dvmweb.errors import UsageError
from dvmweb.guest_text import visible
from dvmweb.names import vm_name
from dvmweb.web.form.chips import chips
from dvmweb.web.form.input import Typed, default_text, default_word, is_plain, written
from dvmweb.web.form.messages import TOP, id_of, links, placed
from dvmweb.web.form.recipe_fields import recipe_places, recipe_rows
from dvmweb.web.form.recipe_groups import grouped
from dvmweb.web.form.sizes import SIZE_FIELDS, sizes
from dvmweb.web.form.views import Choice, Field, FormView, ImageChoice, Shown

UNNAMED = "name"  # for a VM without a name yet: its code folder is shown as ~/code/name
MAIN = ("name", "kind", "repo", *SIZE_FIELDS, "image", "ports")  # the rest is folded
SEGMENTS = {"kind": {"vm": "Project", "llama": "llama", "cloudflared": "Tunnel", "tailscale": "Tailscale"}}


def fields_for(defaults: Defaults, name: str) -> tuple[FormField, ...]:
    """Return the fields of the config model with the defaults of this VM."""
    try:
        return form_fields(defaults, vm_name(name))
    except UsageError:
        return form_fields(defaults, UNNAMED)


def form_view(shown: Shown) -> FormView:
    """Build the form."""
    drawn = _drawn(shown)
    problems = shown.draft.problems if shown.has_errors else ()
    messages = placed(problems, drawn, lambda place: _typed_at(shown.typed, place))
    rows = recipe_rows(shown, messages)
    secrets = tuple(dict.fromkeys(field.name for row in rows for field in row.fields if field.kind == "secret"))
    in_order = {place: messages[place] for place in (TOP, *drawn) if place in messages}
    fields = {about.name: _field(about, shown, messages) for about in shown.fields if _is_drawn(about, shown)}
    kind = shown.draft.config.kind if shown.draft.config else ""
    return FormView(
        main={name: field for name, field in fields.items() if name in MAIN},
        advanced=tuple(field for name, field in fields.items() if name not in MAIN),
        sizes=sizes(shown.fields, shown.typed.texts),
        image=_image(shown),
        host=shown.host,
        recipes=rows,
        groups=grouped(rows),
        chips=chips(shown.typed.recipes, shown.draft.recipes, shown.defaults.bundles, kind),
        order=shown.typed.recipes,
        recipe_errors=tuple(messages.get("recipes", ())),
        errors=links(in_order),
        secrets=secrets,
    )


def _drawn(shown: Shown) -> dict[str, str]:
    """Return the places of all inputs with their labels, in page order."""
    drawn = {about.name: about.label for about in shown.fields if _is_drawn(about, shown)}
    return {**drawn, "recipes": "Recipes", **recipe_places(shown)}


def _is_drawn(about: FormField, shown: Shown) -> bool:
    if about.name == "name":
        return shown.draft.is_new
    return is_plain(about) and len(about.choices) != 1


def _typed_at(typed: Typed, place: str) -> str:
    return typed.name if place == "name" else typed.texts.get(place, "")


def _field(about: FormField, shown: Shown, messages: Mapping[str, Collection[str]]) -> Field:
    is_name = about.name == "name"
    value = shown.typed.name if is_name else shown.typed.texts.get(about.name, "")
    inherited = written(about.default)
    options = (YES, NO) if about.kind == "yes-no" else about.choices
    return Field(
        name=about.name,
        id=id_of(about.name),
        label=about.label,
        help=" ".join(part for part in (about.help, _default(about, shown.defaults)) if part),
        value=value,
        placeholder=inherited if about.default is not None else written(about.example),
        note=shown.notes.get(about.name, ""),
        kind=_input_kind(about, options),
        errors=tuple(messages.get(about.name, ())),
        choices=_options(about, options, value, inherited, is_shared=about.name in shown.defaults.values),
        is_optional=about.default is None and not is_name,
    )


def _input_kind(about: FormField, options: Sequence[str]) -> str:
    if about.name in SEGMENTS:
        return "segments"
    return "choice" if options else about.kind if about.kind in ("number", "size") else "text"


def _options(
    about: FormField, options: Sequence[str], value: str, inherited: str, *, is_shared: bool
) -> tuple[Choice, ...]:
    if about.name in SEGMENTS:
        return _segments(about.name, options, value, inherited)
    return _choices(options, value, inherited, is_shared=is_shared) if options else ()


def _segments(field: str, options: Sequence[str], value: str, inherited: str) -> tuple[Choice, ...]:
    """Return one segment for each option; that of the default posts nothing, unless the file sets it explicitly."""
    odd = [value] if value and value not in options else []
    chosen = value or inherited
    return tuple(
        Choice(
            "" if option == inherited and value != inherited else option,
            SEGMENTS[field].get(option, visible(option, 60)),
            option == chosen,
            option,
            f"{id_of(field)}-{number}",
        )
        for number, option in enumerate((*options, *odd))
    )


def _image(shown: Shown) -> ImageChoice:
    """Return the images that exist, the default first; any other is typed."""
    about = next(field for field in shown.fields if field.name == "image")
    value, inherited = shown.typed.texts.get("image", ""), written(about.default)
    known = [name for name in shown.images if name != inherited or value == inherited]
    word = default_word(is_shared="image" in shown.defaults.values)
    default = Choice("", f"{visible(inherited, 60)} ({word})", not value)
    is_other = bool(value) and value not in known
    return ImageChoice((default, *(Choice(name, name, name == value) for name in known)), is_other)


def _default(about: FormField, defaults: Defaults) -> str:
    """Return what an empty input means, as a sentence; "" for a select, whose first option is the default."""
    inherited = written(about.default)
    if not inherited or (about.choices and about.name not in SEGMENTS) or about.kind == "yes-no":
        return ""
    none = f" Enter {NONE} for no {about.label.lower()}." if about.kind == "list" and inherited != NONE else ""
    return f"{default_text(visible(inherited), is_shared=about.name in defaults.values)}{none}"


def _choices(options: Sequence[str], value: str, inherited: str, *, is_shared: bool) -> tuple[Choice, ...]:
    """Return the options of a select; the default stands first, and again only if the file sets it explicitly."""
    others = [option for option in options if option != inherited or option == value]
    odd = [value] if value and value not in options else []  # an invalid value stays until another is chosen
    word = default_word(is_shared=is_shared)
    label = word if inherited == "default" else f"{inherited} ({word})"
    default = Choice("", label, not value)
    return default, *(Choice(option, visible(option, 60), option == value) for option in (*others, *odd))
