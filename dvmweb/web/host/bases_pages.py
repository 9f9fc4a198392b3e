"""The bases: built, built anew and removed, and whether they are built by themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request

from dvmweb.errors import ConfigError, NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.recipes import Recipe
from dvmweb.verbs import bases
from dvmweb.verbs.bases import ListedBase
from dvmweb.verbs.recipes import RecipeLibrary
from dvmweb.web.host.bases_views import AUTOMATIC, choices, copies_of, row
from dvmweb.web.ui import context
from dvmweb.web.ui.redirects import see_other, to_job

blueprint = Blueprint("host_bases_pages", __name__)
MOST = 200  # characters of a field as it was typed


@dataclass(frozen=True)
class Typed:
    """What the form of a new base was sent with, and why it was refused."""

    recipes: tuple[str, ...] = ()
    like: str = ""
    image: str = ""
    error: str = ""


@blueprint.get("/bases")
def index() -> Response:
    """List the bases. Changes nothing."""
    like = request.args.get("like", "")[:MOST]
    return _index(Typed(like=like))


def _index(typed: Typed, status: int = 200, notes: Sequence[str] = ()) -> Response:
    vms, now = context.vms(), time.time()
    names = tuple(vm.name for vm in context.watch().snapshot().vms if vm.kind == "managed")
    copies = copies_of(vms.jobs(), names)
    return context.page(
        "host/bases.html",
        status,
        bases=tuple(row(one, copies.get(one.name, ()), now) for one in bases.list_bases(vms)),
        building=tuple(job for job in vms.jobs() if job.verb == "base" and job.is_open),
        left=tuple(bases.interrupted(name) for name in bases.leftovers(vms.paths)),
        choices=choices(_recipes(), typed.recipes),
        vms=tuple(vm.name for vm in context.watch().snapshot().vms if vm.kind != "unmanaged" and not vm.problem),
        automatic=AUTOMATIC,
        setting=bases.setting(vms.paths),
        typed=typed,
        notes=notes,
    )


def _recipes() -> list[Recipe]:
    entries = RecipeLibrary(context.vms().paths, context.vms().environ).entries(())
    return [entry.recipe for entry in entries if entry.recipe is not None]


@blueprint.post("/bases")
def build() -> Response:
    """Start to build a base of the chosen recipes, or of those of a VM."""
    form = request.form
    typed = Typed(
        recipes=tuple(form.getlist("recipes")),
        like=form.get("like", "").strip()[:MOST],
        image=form.get("image", "").strip()[:MOST],
    )
    if not typed.recipes and not typed.like:
        return _refused(typed, "Choose at least one recipe, or a VM. Nothing was started.")
    try:
        job, left_out = bases.build(context.vms(), typed.recipes, like=typed.like, image=typed.image)
    except (UsageError, ConfigError, NotFound) as error:
        return _refused(typed, f"{error.what} {error.todo}")
    return _started(job, left_out)


def _refused(typed: Typed, why: str) -> Response:
    return _index(Typed(typed.recipes, typed.like, typed.image, visible(why, 600)), 422)


def _started(job: Job, left_out: Sequence[str]) -> Response:
    return context.page("host/base_started.html", job=job, notes=left_out) if left_out else to_job(job)


@blueprint.post("/bases/automatic")
def automatic() -> Response:
    """Set whether bases are built by themselves."""
    word = request.form.get("setting", "")
    if word not in AUTOMATIC:
        raise UsageError("Whether bases are built by themselves is ask, yes or no.", "Use the buttons of the page.")
    bases.set_setting(context.vms().paths, word)
    return see_other("/bases")


@blueprint.post("/bases/repair")
def repair() -> Response:
    """Remove what is left of bases that were not built to their end."""
    return _index(Typed(), notes=bases.repair(context.vms()) or ("Nothing was left to remove.",))


@blueprint.post("/bases/<base>/refresh")
def refresh(base: str) -> Response:
    """Start to build a base anew; the old one is deleted afterwards."""
    vms = context.vms()
    found = bases.list_bases(vms)
    old = _find(found, base)
    if (new := bases.replacement(old, found)) is not None:
        bases.remove(vms, old.name)
        note = f"Base {new.name} has replaced it already. The old base {old.name} was deleted."
        return _index(Typed(), notes=(note,))
    return to_job(bases.refresh(vms, old))


@blueprint.post("/bases/<base>/remove")
def remove(base: str) -> Response:
    """Delete a base. VMs that were copied from it stay as they are."""
    found = _find(bases.list_bases(context.vms()), base)
    bases.remove(context.vms(), found.name)
    return _index(Typed(), notes=(f"Base {found.name} was deleted. {found.disk_in_words} of disk are free again.",))


def _find(found: Sequence[ListedBase], name: str) -> ListedBase:
    """The base of this very name. Raises NotFound."""
    for one in found:
        if one.name == name:
            return one
    raise NotFound(f"There is no base {visible(name, 60)}.", "The page Bases lists them.")
