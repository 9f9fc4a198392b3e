"""One form on the way through a request: read the file, lay what was posted over it, and render the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, request, url_for

from dvmweb import plans, recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.drafts import Draft, Drafts, Source, instance_of
from dvmweb.errors import DvmError, Problem
from dvmweb.lima.instances import Instance
from dvmweb.web import form_host, house
from dvmweb.web.form_conflict import ConflictView, packed
from dvmweb.web.form_drawing import fields_for, form_view
from dvmweb.web.form_input import Typed, changes_of, is_plain, of_post, of_values
from dvmweb.web.form_kept import KEPT, kept_texts
from dvmweb.web.form_messages import count_words
from dvmweb.web.form_preview import PreviewView, about_steps, preview_view, yaml_view
from dvmweb.web.form_recipes import read_shelf
from dvmweb.web.form_sides import NO_MARK, Side, mark, print_of_post, print_of_view
from dvmweb.web.form_sides import side as side_of
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
    side: Side = Side.NEITHER  # the side that was changed; the other one is drawn anew
    drawn: str = ""  # the mark of the form before, where its sides could not be brought together; else ""


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
    """The form with what was posted: the side that was changed counts, and the other one follows it."""
    form, want = request.form, request.form.get("do", "")
    here = desk_of(desk.source.with_text(form["yaml"])) if "yaml" in form else desk
    if want == "fields" and here.source.problems:
        here = desk_of(desk.source.with_text("")) if desk.source.problems else desk
    typed = of_post(form, here.fields, here.was, here.source.name)
    side = _posted_side(here, want)
    if here.source.problems:  # nothing can be brought together; both stay as they are
        return replace(here, typed=typed, drawn=posted_mark())
    if side in (Side.YAML, Side.NEITHER):
        return replace(here, side=side)
    over = typed_over(here, typed)
    is_same = over.draft.says_values and over.draft.text == here.source.text
    return over if side is Side.FIELDS or is_same else torn(here, typed, posted_mark())


def typed_over(desk: Desk, typed: Typed) -> Desk:
    """The form with other content in its fields, and the YAML following them."""
    changes = changes_of(typed, desk.was, desk.source.document.data, desk.defaults, desk.fields)
    draft = desk.drafts.draft(desk.source, changes, desk.instance)
    return replace(desk, typed=typed, draft=draft, side=Side.FIELDS, drawn="" if draft.says_values else posted_mark())


def _posted_side(desk: Desk, want: str) -> Side:
    if want in (Side.FIELDS.value, Side.YAML.value):
        return Side(want)
    if "yaml" not in request.form:
        return Side.FIELDS
    names = [about.name for about in desk.fields if is_plain(about)]
    return side_of(posted_mark(), print_of_post(request.form, names), request.form["yaml"])


def posted_mark() -> str:
    """The mark that the posted form was drawn with."""
    return request.form.get("drawn") or NO_MARK


def torn(desk: Desk, typed: Typed, drawn: str) -> Desk:
    """Both sides were changed, to different things: they are kept, and nothing can be saved."""
    problem = Problem("", "The fields and the YAML say different things", "Choose the side that counts.")
    draft = replace(desk.draft, problems=(*desk.draft.problems, problem))
    return replace(desk, typed=typed, draft=draft, side=Side.TORN, drawn=drawn)


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
    count = count_words(len(view.errors)) if view.errors else ""
    shown: dict[str, Any] = {
        "form": view,
        "preview": preview,
        "yaml": yaml_view(desk.draft, desk.drawn or mark(print_of_view(view), desk.draft.text)),
        "failure": failure,
        "conflict": conflict,
        "kept": conflict.kept if conflict else kept_texts(request.form.getlist(KEPT), _shown_texts(desk)),
        "name": desk.source.name,
        "is_new": desk.draft.is_new,
        "is_running": desk.instance is not None and desk.instance.status == "Running",
        "wants_restart": wants_restart(),
        "digest": desk.source.digest,
        "base": packed(desk.source.data),
        "trouble": "Both sides were changed" if desk.side is Side.TORN else count,
        "section": "vms",
    }
    return house.page("vm_form.html", status, **shown)


def show_preview(desk: Desk) -> Response:
    """What the form would do: parts for htmx, else the page. A name that is not typed yet is no error."""
    if not desk.source.name:
        named = tuple(problem for problem in desk.draft.problems if problem.field != "name")
        desk = replace(desk, draft=replace(desk.draft, problems=named))
    if not house.is_htmx():
        return show(desk, has_errors=True)
    view, preview = _views(desk, has_errors=True)
    # Only the side that follows is drawn anew: the other one is being typed into.
    names = [about.name for about in desk.fields if is_plain(about)]
    fields = print_of_view(view) if desk.side is Side.YAML else print_of_post(request.form, names)
    text = yaml_view(desk.draft, desk.drawn or mark(fields, desk.draft.text))
    side = desk.side.value if not desk.drawn else Side.NEITHER.value
    return house.page("_vm_parts.html", preview=preview, form=view, yaml=text, side=side)


def _shown_texts(desk: Desk) -> tuple[str, str]:
    return desk.draft.text, desk.source.data.decode("utf-8", "replace")


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
    is_torn = desk.side is Side.TORN
    return view, preview_view(draft, view, url, plan, about_steps(desk.instance), is_torn=is_torn)


def _plan(desk: Desk) -> tuple[plans.Step, ...] | DvmError:
    try:
        return desk.drafts.steps(desk.draft, desk.instance, plans.Options(restart=wants_restart()))
    except DvmError as error:
        return error
