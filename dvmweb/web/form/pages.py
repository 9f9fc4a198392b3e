"""The pages that create and edit the config of a VM."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb import recipes
from dvmweb.errors import DvmError, NotFound
from dvmweb.files import ChangedOnDisk
from dvmweb.names import vm_name
from dvmweb.verbs.drafts import Source
from dvmweb.web.form import conflict_pages
from dvmweb.web.form.form_request import FormRequest, drafts, open_form, posted, show, show_preview, wants_restart
from dvmweb.web.form.input import secrets_of
from dvmweb.web.form.recipe_fields import read_catalog
from dvmweb.web.form.starting_points import values_like, values_of
from dvmweb.web.form.two_way import Side
from dvmweb.web.ui import context

blueprint = Blueprint("form_pages", __name__)


@blueprint.get("/new-vm")
def new_vm() -> Response:
    """An empty form, or one that starts from a bundle (`start`) or like another VM (`like`)."""
    like, start = request.args.get("like", ""), request.args.get("start", "")
    if like:
        return _like(_known(like))
    values = values_of(start)
    if not values:
        return show(open_form(Source("")), has_errors=False)
    return show(open_form(drafts().filled(values)), has_errors=False)


def _like(vm: str) -> Response:
    """The form with a copy of the config of another VM."""
    source = drafts().source(vm)
    catalog = recipes.RecipeCatalog(context.vms().paths)
    readable = [one for one in read_catalog(catalog, catalog.names()) if isinstance(one, recipes.Recipe)]
    form = open_form(drafts().filled(values_like(source.document.data, readable)))
    note = f"A copy of the config of {vm}, without its name, repository, code folder and ports."
    return show(form, has_errors=False, note=note)


@blueprint.post("/new-vm")
def make_vm() -> Response:
    """Save a new VM, save and sync it, or preview it."""
    return _answer(posted(open_form(_typed_source())))


@blueprint.get("/vms/<vm>/edit")
def edit_vm(vm: str) -> Response:
    """The form of a config as it is on disk."""
    return show(open_form(drafts().source(_known(vm))), has_errors=True)


@blueprint.post("/vms/<vm>/edit")
def change_vm(vm: str) -> Response:
    """Save a config, unless its file changed while the form was open."""
    return conflict_pages.with_file(_known(vm), _change)


def _change(source: Source) -> Response:
    if source.digest != request.form.get("digest", ""):
        return conflict_pages.changed(source)
    return _answer(posted(open_form(source)))


def _known(vm: str) -> str:
    """Return a VM name from the address; raises NotFound if it is not valid."""
    try:
        return vm_name(vm)
    except DvmError as error:
        raise NotFound("There is no such VM.", "The list of VMs shows all VMs.") from error


def _typed_source() -> Source:
    return Source(request.form.get("name", "").strip(" "))


def _answer(form: FormRequest) -> Response:
    """Do what the pressed button asks for; a form with errors comes back as it was typed."""
    wanted = request.form.get("do", "save")
    if wanted in ("preview", "fields", "yaml"):
        return show_preview(form)
    if form.draft.problems:
        return show(form, has_errors=True, status=409 if form.side is Side.TORN else 422)
    try:
        form.drafts.save(form.draft)
    except ChangedOnDisk:
        return _changed_meanwhile(form)
    except DvmError as error:
        return show(form, has_errors=True, status=500, failure=error)
    return _sync(form) if wanted == "sync" else _to(f"/vms/{form.source.name}")


def _changed_meanwhile(form: FormRequest) -> Response:
    """The file changed between our check and our write."""
    if form.draft.is_new:
        return show(posted(open_form(form.source)), has_errors=True, status=409)
    return conflict_pages.with_file(form.source.name, conflict_pages.changed)


def _sync(form: FormRequest) -> Response:
    """Start the job of "Save and sync"; secrets go to this job only."""
    takers = frozenset(param.name for recipe in form.draft.recipes for param in recipes.secret_params(recipe))
    options = {"restart": True} if wants_restart() else {}
    try:
        job = context.vms().start_job(form.source.name, "sync", options, secrets_of(request.form, takers))
    except DvmError as error:
        error.what = f"The config of {form.source.name} was saved, but the sync could not start. {error.what}"
        error.todo = error.todo.replace("Nothing was changed.", "").strip()
        raise
    return _to(f"/jobs/{job.id}")


def _to(path: str) -> Response:
    answer = Response(status=303)
    answer.headers["Location"] = request.script_root + path
    return answer
