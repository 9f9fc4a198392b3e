"""One form in a request: read the file, apply the posted input, render the page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Response, request, url_for

from dvmweb import plans, recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, Problem
from dvmweb.lima.instances import Instance
from dvmweb.verbs.drafts import Draft, Drafts, Source, instance_of
from dvmweb.web.form import host_resources
from dvmweb.web.form.conflict import ConflictView, packed
from dvmweb.web.form.drawing import fields_for, form_view
from dvmweb.web.form.input import Typed, changes_of, is_plain, of_post, of_values
from dvmweb.web.form.messages import count_words
from dvmweb.web.form.preview import PreviewView, about_steps, preview_view, yaml_view
from dvmweb.web.form.recipe_fields import read_catalog
from dvmweb.web.form.starting_points import BUNDLES, Starts
from dvmweb.web.form.two_way import NO_MARK, Side, mark, print_of_post, print_of_view
from dvmweb.web.form.two_way import side as side_of
from dvmweb.web.form.unsaved_yaml import UNSAVED_YAML, UnsavedYaml, unsaved_texts
from dvmweb.web.form.views import FormView, Shown
from dvmweb.web.ui import context


@dataclass(frozen=True)
class FormRequest:
    """One form in one request, with everything needed to render it."""

    drafts: Drafts
    defaults: Defaults
    fields: tuple[FormField, ...]
    source: Source
    was: Typed  # the content of the form before any input
    typed: Typed
    draft: Draft
    instance: Instance | None
    notes: Mapping[str, str] = field(default_factory=dict)  # facts shown at fields
    side: Side = Side.NEITHER  # the side that was changed; the other one follows
    drawn: str = ""  # the previous mark, if fields and YAML could not be combined; else ""


def drafts() -> Drafts:
    """Return the drafts of configs."""
    return Drafts(context.vms().paths, context.vms().environ)


def open_form(source: Source) -> FormRequest:
    """Return the form of a file as it is."""
    defaults, _ = drafts().defaults()
    fields = fields_for(defaults, source.name)
    was = of_values(source.name, source.document.data, defaults, fields)
    instance = instance_of(source.name, (vm.instance for vm in context.listed().vms))
    draft = drafts().draft(source, {}, instance)
    return FormRequest(drafts(), defaults, fields, source, was, was, draft, instance)


def posted(form: FormRequest) -> FormRequest:
    """Return the form with the posted input: the changed side counts, and the other one follows."""
    post, want = request.form, request.form.get("do", "")
    here = open_form(form.source.with_text(post["yaml"])) if "yaml" in post else form
    if want == "fields" and here.source.problems:
        here = open_form(form.source.with_text("")) if form.source.problems else form
    typed = of_post(post, here.fields, here.was, here.source.name)
    side = _posted_side(here, want)
    if here.source.problems:  # they cannot be combined; both stay as they are
        return replace(here, typed=typed, drawn=posted_mark())
    if side in (Side.YAML, Side.NEITHER):
        return replace(here, side=side)
    over = typed_over(here, typed)
    is_same = over.draft.has_values and over.draft.text == here.source.text
    return over if side is Side.FIELDS or is_same else torn(here, typed, posted_mark())


def typed_over(form: FormRequest, typed: Typed) -> FormRequest:
    """Return the form with other field values and YAML to match."""
    changes = changes_of(typed, form.was, form.source.document.data, form.defaults, form.fields)
    draft = form.drafts.draft(form.source, changes, form.instance)
    return replace(form, typed=typed, draft=draft, side=Side.FIELDS, drawn="" if draft.has_values else posted_mark())


def _posted_side(form: FormRequest, want: str) -> Side:
    if want in (Side.FIELDS.value, Side.YAML.value):
        return Side(want)
    if "yaml" not in request.form:
        return Side.FIELDS
    names = [about.name for about in form.fields if is_plain(about)]
    return side_of(posted_mark(), print_of_post(request.form, names), request.form["yaml"])


def posted_mark() -> str:
    """Return the mark of the form as it was rendered."""
    return request.form.get("drawn") or NO_MARK


def torn(form: FormRequest, typed: Typed, drawn: str) -> FormRequest:
    """Both sides were changed to different values: keep both, and let neither be saved."""
    problem = Problem("", "The fields and the YAML differ", "Choose which to use.")
    draft = replace(form.draft, problems=(*form.draft.problems, problem))
    return replace(form, typed=typed, draft=draft, side=Side.TORN, drawn=drawn)


def show(
    form: FormRequest,
    *,
    has_errors: bool,
    status: int = 200,
    failure: DvmError | None = None,
    conflict: ConflictView | None = None,
    note: str = "",
) -> Response:
    """Render the whole page."""
    view, preview = _views(form, has_errors=has_errors)
    count = count_words(len(view.errors)) if view.errors else ""
    shown: dict[str, Any] = {
        "form": view,
        "preview": preview,
        "yaml": yaml_view(form.draft, form.drawn or mark(print_of_view(view), form.draft.text)),
        "failure": failure,
        "conflict": conflict,
        "unsaved_yaml": conflict.unsaved_yaml if conflict else _unsaved(form),
        "starts": _starts(note),
        "name": form.source.name,
        "is_new": form.draft.is_new,
        "is_running": form.instance is not None and form.instance.status == "Running",
        "wants_restart": wants_restart(),
        "digest": form.source.digest,
        "base": packed(form.source.data),
        "trouble": "Both sides were changed" if form.side is Side.TORN else count,
        "section": "vms",
    }
    return context.page("form/vm_form.html", status, **shown)


def _starts(note: str) -> Starts:
    with suppress(DvmError):  # an unreadable folder is reported when the form is saved
        return Starts(BUNDLES, ConfigStore(context.vms().paths).names(), note)
    return Starts(BUNDLES, (), note)


def show_preview(form: FormRequest) -> Response:
    """What the form would do: parts for htmx, else the page. A name that is not typed yet is no error."""
    if not form.source.name:
        named = tuple(problem for problem in form.draft.problems if problem.field != "name")
        form = replace(form, draft=replace(form.draft, problems=named))
    if not context.is_htmx():
        return show(form, has_errors=True)
    view, preview = _views(form, has_errors=True)
    # Only the side that follows is replaced: the other one is being typed into.
    names = [about.name for about in form.fields if is_plain(about)]
    fields = print_of_view(view) if form.side is Side.YAML else print_of_post(request.form, names)
    text = yaml_view(form.draft, form.drawn or mark(fields, form.draft.text))
    side = form.side.value if not form.drawn else Side.NEITHER.value
    return context.page("form/_vm_parts.html", preview=preview, form=view, yaml=text, side=side)


def _unsaved(form: FormRequest) -> tuple[UnsavedYaml, ...]:
    shown = (form.draft.text, form.source.data.decode("utf-8", "replace"))
    return unsaved_texts(request.form.getlist(UNSAVED_YAML), shown)


def wants_restart() -> bool:
    """Return whether a running VM can be restarted for the change."""
    return bool(request.form.get("restart"))


def _views(form: FormRequest, *, has_errors: bool) -> tuple[FormView, PreviewView]:
    draft, catalog = form.draft, recipes.RecipeCatalog(form.drafts.paths)
    names = catalog.names()
    host = host_resources.host_line(context.listed().vms, form.source.name)
    readable = read_catalog(catalog, names)
    shown = form.typed, draft, form.defaults, form.fields, readable, names, form.notes, host, form.drafts.images()
    view = form_view(Shown(*shown, has_errors))
    url = url_for("form_pages.new_vm") if draft.is_new else url_for("form_pages.edit_vm", vm=form.source.name)
    is_blank = not form.source.name and not has_errors
    plan = None if draft.problems and not is_blank else _plan(form)
    is_torn = form.side is Side.TORN
    return view, preview_view(draft, view, url, plan, about_steps(form.instance), is_torn=is_torn)


def _plan(form: FormRequest) -> tuple[plans.Step, ...] | DvmError:
    try:
        return form.drafts.steps(form.draft, form.instance, plans.Options(restart=wants_restart()))
    except DvmError as error:
        return error
