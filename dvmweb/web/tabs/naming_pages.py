"""Clones and renames a VM: forms that show what will be different, and the errors at the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, request

from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.names import VM_LENGTH
from dvmweb.verbs import cloning, renaming
from dvmweb.verbs.vms import Vms
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import status_of
from dvmweb.web.ui.find_vm import checked, find_fresh, find_vm

blueprint = Blueprint("tabs_naming_pages", __name__)


@dataclass(frozen=True)
class Naming:
    """A form for a new name, or what it has done."""

    vm: str
    verb: str  # clone, rename
    typed: str
    is_running: bool
    is_created: bool
    problem: DvmError | None = None


@blueprint.get("/vms/<name>/clone")
def ask_clone(name: str) -> Response:
    """What a clone is, with a field for its name. Changes nothing."""
    return _form(name, "clone", "")


@blueprint.post("/vms/<name>/clone")
def clone(name: str) -> Response:
    """Clone a stopped VM; then a page that says what is different in the clone."""
    return _run(name, "clone", cloning.clone)


@blueprint.get("/vms/<name>/rename")
def ask_rename(name: str) -> Response:
    """What a rename changes, with a field for the name. Changes nothing."""
    return _form(name, "rename", checked(name))


@blueprint.post("/vms/<name>/rename")
def rename(name: str) -> Response:
    """Rename a VM that does not run; then a page that says what has not changed."""
    return _run(name, "rename", renaming.rename)


def _run(name: str, verb: str, run: Callable[[Vms, str, str], tuple[str, ...]]) -> Response:
    new = request.form.get("name", "").strip()[: VM_LENGTH * 2]
    try:
        find_fresh(name)
        renaming.must_differ(name, new)
        notes = run(context.vms(), name, new)
    except DvmError as error:
        return _form(name, verb, new, error)
    return context.page("tabs/named.html", old=name, new=new, verb=verb, notes=notes)


def _form(name: str, verb: str, typed: str, problem: DvmError | None = None) -> Response:
    vm = find_vm(name)
    is_created = vm.instance is not None
    page = Naming(vm.name, verb, visible(typed, 60), vm.status == "Running", is_created, problem)
    return context.page("tabs/naming.html", 200 if problem is None else status_of(problem), page=page, most=VM_LENGTH)
