"""The pages on which a VM is made and edited, and what their buttons do."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb import recipes
from dvmweb.drafts import Source
from dvmweb.errors import DvmError, NotFound
from dvmweb.files import ChangedOnDisk
from dvmweb.names import vm_name
from dvmweb.web import form_meanwhile, house
from dvmweb.web.form_desk import Desk, desk_of, drafts, posted, show, show_preview, wants_restart
from dvmweb.web.form_input import secrets_of
from dvmweb.web.form_sides import Side

blueprint = Blueprint("form_pages", __name__)


@blueprint.get("/new-vm")
def new_vm() -> Response:
    """An empty form."""
    return show(desk_of(Source("")), has_errors=False)


@blueprint.post("/new-vm")
def make_vm() -> Response:
    """Save a new VM, save and sync it, or show what that would do."""
    return _answer(posted(desk_of(_typed_source())))


@blueprint.get("/vms/<vm>/edit")
def edit_vm(vm: str) -> Response:
    """The form of a config as it is on the disk."""
    return show(desk_of(drafts().source(_known(vm))), has_errors=True)


@blueprint.post("/vms/<vm>/edit")
def change_vm(vm: str) -> Response:
    """Save a config, unless its file is another than the one that the form was drawn from."""
    return form_meanwhile.with_file(_known(vm), _change)


def _change(source: Source) -> Response:
    if source.digest != request.form.get("digest", ""):
        return form_meanwhile.changed(source)
    return _answer(posted(desk_of(source)))


def _known(vm: str) -> str:
    """The name of a VM from the address; raises NotFound for what cannot be one."""
    try:
        return vm_name(vm)
    except DvmError as error:
        raise NotFound("There is no such VM.", "The list of VMs has all of them.") from error


def _typed_source() -> Source:
    return Source(request.form.get("name", "").strip(" "))


def _answer(desk: Desk) -> Response:
    """Do what the pressed button says; a form that cannot be used comes back as it was typed."""
    wanted = request.form.get("do", "save")
    if wanted in ("preview", "fields", "yaml"):
        return show_preview(desk)
    if desk.draft.problems:
        return show(desk, has_errors=True, status=409 if desk.side is Side.TORN else 422)
    try:
        desk.drafts.save(desk.draft)
    except ChangedOnDisk:
        return _overtaken(desk)
    except DvmError as error:
        return show(desk, has_errors=True, status=500, failure=error)
    return _sync(desk) if wanted == "sync" else _to(f"/vms/{desk.source.name}")


def _overtaken(desk: Desk) -> Response:
    """Somebody else wrote the file between our look and our write."""
    if desk.draft.is_new:
        return show(posted(desk_of(desk.source)), has_errors=True, status=409)
    return form_meanwhile.with_file(desk.source.name, form_meanwhile.changed)


def _sync(desk: Desk) -> Response:
    """Start the job that "Save and sync" asks for; its secrets go to it and to nobody else."""
    takers = frozenset(param.name for recipe in desk.draft.recipes for param in recipes.secret_params(recipe))
    options = {"restart": True} if wants_restart() else {}
    try:
        job = house.vms().start_job(desk.source.name, "sync", options, secrets_of(request.form, takers))
    except DvmError as error:
        error.what = f"The config of {desk.source.name} is saved, but no sync could start. {error.what}"
        error.todo = error.todo.replace("Nothing was changed.", "").strip()
        raise
    return _to(f"/jobs/{job.id}")


def _to(path: str) -> Response:
    answer = Response(status=303)
    answer.headers["Location"] = request.script_root + path
    return answer
