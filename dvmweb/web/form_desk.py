"""One form on the way through a request: read the file, lay what was posted over it, and render the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, request, url_for

from dvmweb import plans, recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.drafts import Draft, Drafts, Source, instance_of
from dvmweb.errors import DvmError
from dvmweb.lima.instances import Instance
from dvmweb.web import form_host, house
from dvmweb.web.form_conflict import ConflictView, packed
from dvmweb.web.form_drawing import fields_for, form_view
from dvmweb.web.form_input import Typed, changes_of, of_post, of_values
from dvmweb.web.form_messages import count_words
from dvmweb.web.form_preview import PreviewView, about_steps, preview_view
from dvmweb.web.form_recipes import read_shelf
from dvmweb.web.form_views import FormView, Shown


@dataclass(frozen=True)
class Desk:
    """A form with all that it is drawn from."""

    drafts: Drafts
    defaults: Defaults
    fields: tuple[FormField, ...]
    source: Source
    was: Typed  # the form of the file, before anything was typed
    typed: Typed
    draft: Draft
    instance: Instance | None
    notes: Mapping[str, str] = field(default_factory=dict)  # more to know at a field


def drafts() -> Drafts:
    """The drafts of this house."""
    return Drafts(house.vms().paths, house.vms().environ)


def desk_of(source: Source) -> Desk:
    """The form of a file as it is."""
    defaults, _ = drafts().defaults()
    fields = fields_for(defaults, source.name)
    was = of_values(source.name, source.document.data, defaults, fields)
    instance = instance_of(source.name, (vm.instance for vm in house.watch().snapshot().vms))
    draft = drafts().draft(source, {}, instance)
    return Desk(drafts(), defaults, fields, source, was, was, draft, instance)


def posted(desk: Desk) -> Desk:
    """The form with what was posted."""
    return typed_over(desk, of_post(request.form, desk.fields, desk.was, desk.source.name))


def typed_over(desk: Desk, typed: Typed) -> Desk:
    """The form with other content."""
    changes = changes_of(typed, desk.was, desk.source.document.data, desk.defaults, desk.fields)
    return replace(desk, typed=typed, draft=desk.drafts.draft(desk.source, changes, desk.instance))


def show(
    desk: Desk,
    *,
    has_errors: bool,
    status: int = 200,
    failure: DvmError | None = None,
    conflict: ConflictView | None = None,
) -> Response:
    """The whole page."""
    view, preview = _views(desk, has_errors=has_errors)
    shown: dict[str, Any] = {
        "form": view,
        "preview": preview,
        "failure": failure,
        "conflict": conflict,
        "name": desk.source.name,
        "is_new": desk.draft.is_new,
        "is_running": desk.instance is not None and desk.instance.status == "Running",
        "wants_restart": wants_restart(),
        "digest": desk.source.digest,
        "base": packed(desk.source.data),
        "trouble": count_words(len(view.errors)) if view.errors else "",
        "section": "vms",
    }
    return house.page("vm_form.html", status, **shown)


def show_preview(desk: Desk) -> Response:
    """What the form would do: the part alone for htmx, else the page. A name that is not typed yet is no error."""
    if not desk.source.name:
        named = tuple(problem for problem in desk.draft.problems if problem.field != "name")
        desk = replace(desk, draft=replace(desk.draft, problems=named))
    if house.is_htmx():
        return house.page("_vm_preview.html", preview=_views(desk, has_errors=True)[1])
    return show(desk, has_errors=True)


def wants_restart() -> bool:
    """Whether a running VM may be stopped for the change."""
    return bool(request.form.get("restart"))


def _views(desk: Desk, *, has_errors: bool) -> tuple[FormView, PreviewView]:
    draft, shelf = desk.draft, recipes.Shelf(desk.drafts.paths)
    names = shelf.names()
    notes = {**form_host.notes(house.watch().snapshot().vms, desk.source.name), **desk.notes}
    view = form_view(
        Shown(desk.typed, draft, desk.defaults, desk.fields, read_shelf(shelf, names), names, notes, has_errors)
    )
    url = url_for("form_pages.new_vm") if draft.is_new else url_for("form_pages.edit_vm", vm=desk.source.name)
    is_blank = not desk.source.name and not has_errors
    plan = None if draft.problems and not is_blank else _plan(desk)
    return view, preview_view(draft, view, url, plan, about_steps(desk.instance))


def _plan(desk: Desk) -> tuple[plans.Step, ...] | DvmError:
    try:
        return desk.drafts.steps(desk.draft, desk.instance, plans.Options(restart=wants_restart()))
    except DvmError as error:
        return error
