"""Pages for recipes: the list, one recipe, and the forms that create, edit and delete local ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

from dvmweb import files
from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.files import ChangedOnDisk
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.recipes import parse_header
from dvmweb.verbs.recipes import Entry, RecipeLibrary
from dvmweb.verbs.vms import Vm
from dvmweb.web.recipes import views as recipe_views
from dvmweb.web.recipes.trial_pages import trial_of
from dvmweb.web.ui import context
from dvmweb.web.ui.redirects import see_other

blueprint = Blueprint("recipes_pages", __name__)
MOST_QUERY = 200  # characters


def recipes() -> RecipeLibrary:
    """All recipes, bundled and local."""
    return RecipeLibrary(context.vms().paths, context.vms().environ)


def _listed() -> Sequence[Vm] | None:
    """All VMs as last listed, with what jobs recorded since; None where the engine never responded."""
    snapshot = context.watch().snapshot()
    if snapshot.vms or snapshot.generation:
        return snapshot.vms
    with suppress(DvmError):
        return context.vms().list_vms()
    return None


def _known(name: str) -> str:
    """The name of a recipe from the URL. Raises NotFound."""
    if not is_recipe_name(name):
        raise NotFound(f"There is no recipe {visible(name, 60)}.", "See the list of recipes.")
    return name


def _entry(name: str) -> Entry:
    return recipes().entry(_known(name), _listed())


# -- reading -----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes")
def index() -> Response:
    """All recipes."""
    return _index()


def _index(status: int = 200, *, typed: str = "", error: str = "") -> Response:
    query = request.args.get("q", "")[:MOST_QUERY]
    rows = tuple(recipe_views.row(entry, query) for entry in recipes().entries(_listed()))
    return context.page(
        "recipes/recipes.html",
        status,
        groups=recipe_views.grouped(rows),
        shown=sum(row.is_shown for row in rows),
        total=len(rows),
        heading=recipe_views.heading(rows),
        odd=tuple(str(problem) for problem in recipes().odd_files()),
        query=query,
        typed=typed,
        error=error,
    )


@blueprint.get("/recipes/<recipe>")
def show(recipe: str) -> Response:
    """One recipe: its description, its script, the VMs that use it."""
    name, check = _known(recipe), None
    entry, text = _entry(name), _text(name)
    if request.args.get("check") == "1":
        check = recipe_views.check_view(recipes().check(name), text)
    bundled = recipes().local.bundled(name) if entry.is_local and recipes().local.has_bundled(name) else ""
    page, trial = recipe_views.page(entry, text, bundled), trial_of(name)
    return context.page("recipes/recipe.html", page=page, check=check, trial=trial)


def _text(name: str) -> str:
    """The script in use, "" for a file that is not text."""
    with suppress(UsageError):
        return recipes().text(name)
    return ""


# -- creating ----------------------------------------------------------------------------------------------------------


@blueprint.post("/recipes")
def new() -> Response:
    """Write the template of a new recipe and open it in the editor."""
    name = request.form.get("name", "").strip(" ")
    try:
        recipes().local.new(name)
    except UsageError as error:
        return _index(422, typed=name, error=f"{error.what} {error.todo}")
    return see_other(f"/recipes/{name}/edit")


@blueprint.post("/recipes/<recipe>/fork")
def fork(recipe: str) -> Response:
    """Copy the bundled recipe, pinned, and open the copy in the editor."""
    recipes().local.fork(_known(recipe))
    return see_other(f"/recipes/{recipe}/edit")


# -- editing -----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes/<recipe>/edit")
def edit(recipe: str) -> Response:
    """The editor of a local recipe."""
    text = _local_text(recipe)
    return _editor(recipe, text, _digest(text), is_saved=request.args.get("saved") == "1")


@blueprint.post("/recipes/<recipe>/edit")
def change(recipe: str) -> Response:
    """Check the text, or save it unless the file has changed. The response always shows the user's text."""
    name = _known(recipe)
    typed = request.form.get("text", "").replace("\r\n", "\n")
    seen = request.form.get("digest", "")
    if request.form.get("do") != "save":
        return _editor(name, typed, seen, is_checked=True)
    try:
        recipes().local.save(name, typed, seen)
    except ChangedOnDisk:
        return _conflict(name, typed)
    except DvmError as error:
        return _editor(name, typed, seen, status=422 if isinstance(error, UsageError) else 500, failure=error)
    return see_other(f"/recipes/{name}/edit?saved=1")


def _conflict(name: str, typed: str) -> Response:
    """The file was changed or deleted meanwhile: show both texts. Saving again overwrites the file deliberately."""
    disk = _text(name) if recipes().local.has(name) else ""
    lines = recipe_views.lines_between(disk, typed)
    conflict = {"is_gone": not disk, "lines": lines}
    return _editor(name, typed, _digest(disk) if disk else "", status=409, conflict=conflict)


def _local_text(name: str) -> str:
    """The text of a local recipe. Raises NotFound, which says how to get one."""
    if not recipes().local.has(_known(name)) and recipes().local.has_bundled(name):
        raise NotFound(f"There is no local recipe {name}.", "Customize the bundled one first.")
    return recipes().local.text(name)


def _digest(text: str) -> str:
    return files.digest(text.encode())


def _editor(name: str, text: str, digest: str, *, status: int = 200, **outcome: Any) -> Response:
    """The editor page; `outcome`: is_saved, is_checked, failure, conflict."""
    has_check = outcome.get("is_saved") or outcome.get("is_checked")
    shown = {
        "name": name,
        "text": text,
        "digest": digest,
        "rows": recipe_views.rows_for(text),
        "path": str(recipes().local.path(name)),
        "check": recipe_views.check_view(recipes().check_text(name, text), text) if has_check else None,
        "users": recipes().needed_by(name),
        "is_saved": bool(outcome.get("is_saved")),
        "failure": outcome.get("failure"),
        "conflict": outcome.get("conflict"),
    }
    return context.page("recipes/recipe_edit.html", status, **shown)


# -- deleting ----------------------------------------------------------------------------------------------------------


@blueprint.get("/recipes/<recipe>/delete")
def ask(recipe: str) -> Response:
    """The confirmation page, which says what is used after the deletion. Changes nothing."""
    return _delete_page(recipe)


@blueprint.post("/recipes/<recipe>/delete")
def delete(recipe: str) -> Response:
    """Delete the local recipe as it was shown."""
    name = _known(recipe)
    try:
        recipes().local.delete(name, request.form.get("digest", ""))
    except ChangedOnDisk:
        return _delete_page(name, has_changed=True)
    return see_other(f"/recipes/{name}" if recipes().local.has_bundled(name) else "/recipes")


def _delete_page(name: str, *, has_changed: bool = False) -> Response:
    text, entry = _local_text(name), _entry(name)
    sentences = recipe_views.after_delete(entry, _incompatible_vms(name))
    model = {"name": name, "path": str(entry.path), "digest": _digest(text), "sentences": sentences}
    return context.page("recipes/recipe_delete.html", 409 if has_changed else 200, has_changed=has_changed, **model)


def _incompatible_vms(name: str) -> tuple[str, ...]:
    """The VMs whose configs set parameters that the bundled recipe does not accept."""
    library = recipes()
    if not library.local.has_bundled(name):
        return ()
    bundled = parse_header(name, library.local.bundled(name), library.local.path(name), is_local=False)
    return tuple(vm for vm, _ in library.uses(None).problems(bundled))
