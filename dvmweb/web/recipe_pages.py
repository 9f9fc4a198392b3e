"""The pages of recipes: the list, one recipe, and the acts on the user's own ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

from dvmweb import files
from dvmweb.cookbook import Book, Entry
from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.files import ChangedOnDisk
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.recipes import parse_header
from dvmweb.vms import Vm
from dvmweb.web import house, recipe_view
from dvmweb.web.job_pages import see_other

blueprint = Blueprint("recipe_pages", __name__)


def book() -> Book:
    """The recipes of this house."""
    return Book(house.vms().paths, house.vms().environ)


def _listed() -> Sequence[Vm] | None:
    """All VMs as they were last listed, with what jobs noted since; None where the engine never answered."""
    snapshot = house.watch().snapshot()
    if snapshot.vms or snapshot.generation:
        return snapshot.vms
    with suppress(DvmError):
        return house.vms().list_vms()
    return None


def _known(name: str) -> str:
    """The name of a recipe from the address. Raises NotFound."""
    if not is_recipe_name(name):
        raise NotFound(f"There is no recipe {visible(name, 60)}.", "The list of recipes shows all there are.")
    return name


def _entry(name: str) -> Entry:
    return book().entry(_known(name), _listed())


# -- looking -----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes")
def index() -> Response:
    """All recipes."""
    return _index()


def _index(status: int = 200, *, typed: str = "", error: str = "") -> Response:
    rows = tuple(map(recipe_view.row, book().entries(_listed())))
    odd = tuple(str(problem) for problem in book().odd_files())
    heading = recipe_view.heading(rows)
    return house.page("recipes.html", status, rows=rows, heading=heading, odd=odd, typed=typed, error=error)


@blueprint.get("/recipes/<recipe>")
def show(recipe: str) -> Response:
    """One recipe: what it does, its script, which VMs use it."""
    name, check = _known(recipe), None
    entry, text = _entry(name), _text(name)
    if request.args.get("check") == "1":
        check = recipe_view.check_view(book().check(name), text)
    bundled = book().local.bundled(name) if entry.is_local and book().local.has_bundled(name) else ""
    return house.page("recipe.html", page=recipe_view.page(entry, text, bundled), check=check)


def _text(name: str) -> str:
    """The script that counts, "" for a file that is no text."""
    with suppress(UsageError):
        return book().text(name)
    return ""


# -- making ------------------------------------------------------------------------------------------------------------


@blueprint.post("/recipes")
def new() -> Response:
    """Write the template of a new recipe and show it to be edited."""
    name = request.form.get("name", "").strip(" ")
    try:
        book().local.new(name)
    except UsageError as error:
        return _index(422, typed=name, error=f"{error.what} {error.todo}")
    return see_other(f"/recipes/{name}/edit")


@blueprint.post("/recipes/<recipe>/fork")
def fork(recipe: str) -> Response:
    """Copy the bundled recipe, pinned, and show the copy to be edited."""
    book().local.fork(_known(recipe))
    return see_other(f"/recipes/{recipe}/edit")


# -- editing -----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes/<recipe>/edit")
def edit(recipe: str) -> Response:
    """The text of a local recipe, to be typed into."""
    text = _own(recipe)
    return _editor(recipe, text, _digest(text), is_saved=request.args.get("saved") == "1")


@blueprint.post("/recipes/<recipe>/edit")
def change(recipe: str) -> Response:
    """Check what was typed, or save it unless the file is another by now; what was typed always comes back."""
    name = _known(recipe)
    typed = request.form.get("text", "").replace("\r\n", "\n")
    seen = request.form.get("digest", "")
    if request.form.get("do") != "save":
        return _editor(name, typed, seen, is_checked=True)
    try:
        book().local.save(name, typed, seen)
    except ChangedOnDisk:
        return _conflict(name, typed)
    except DvmError as error:
        return _editor(name, typed, seen, status=422 if isinstance(error, UsageError) else 500, failure=error)
    return see_other(f"/recipes/{name}/edit?saved=1")


def _conflict(name: str, typed: str) -> Response:
    """Somebody else wrote or deleted the file: both texts are shown, and saving again writes over it knowingly."""
    disk = _text(name) if book().local.has(name) else ""
    lines = recipe_view.lines_between(disk, typed)
    conflict = {"is_gone": not disk, "lines": lines}
    return _editor(name, typed, _digest(disk) if disk else "", status=409, conflict=conflict)


def _own(name: str) -> str:
    """The text of a local recipe. Raises NotFound with the way to one."""
    if not book().local.has(_known(name)) and book().local.has_bundled(name):
        raise NotFound(f"You have no recipe {name} of your own.", "Copy the bundled one first, on its page.")
    return book().local.text(name)


def _digest(text: str) -> str:
    return files.digest(text.encode())


def _editor(name: str, text: str, digest: str, *, status: int = 200, **said: Any) -> Response:
    """The page with the text; `said`: is_saved, is_checked, failure, conflict."""
    has_check = said.get("is_saved") or said.get("is_checked")
    shown = {
        "name": name,
        "text": text,
        "digest": digest,
        "rows": recipe_view.rows_for(text),
        "path": str(book().local.path(name)),
        "check": recipe_view.check_view(book().check_text(name, text), text) if has_check else None,
        "users": book().needed_by(name),
        "is_saved": bool(said.get("is_saved")),
        "failure": said.get("failure"),
        "conflict": said.get("conflict"),
    }
    return house.page("recipe_edit.html", status, **shown)


# -- deleting ----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes/<recipe>/delete")
def ask(recipe: str) -> Response:
    """What counts once the local recipe is gone. Changes nothing."""
    return _delete_page(recipe)


@blueprint.post("/recipes/<recipe>/delete")
def delete(recipe: str) -> Response:
    """Delete the local recipe that was shown."""
    name = _known(recipe)
    try:
        book().local.delete(name, request.form.get("digest", ""))
    except ChangedOnDisk:
        return _delete_page(name, has_changed=True)
    return see_other(f"/recipes/{name}" if book().local.has_bundled(name) else "/recipes")


def _delete_page(name: str, *, has_changed: bool = False) -> Response:
    text, entry = _own(name), _entry(name)
    sentences = recipe_view.after_delete(entry, _refused(name))
    model = {"name": name, "path": str(entry.path), "digest": _digest(text), "sentences": sentences}
    return house.page("recipe_delete.html", 409 if has_changed else 200, has_changed=has_changed, **model)


def _refused(name: str) -> tuple[str, ...]:
    """The VMs whose configs give the recipe what the bundled one does not take."""
    here = book()
    if not here.local.has_bundled(name):
        return ()
    bundled = parse_header(name, here.local.bundled(name), here.local.path(name), is_local=False)
    return tuple(vm for vm, _ in here.uses(None).problems(bundled))
