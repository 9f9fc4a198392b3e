"""Tabs of a VM's page (overview, config, recipes, jobs), the routes that start a job on it, and its project hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from dvmweb import files
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.lima.command_display import shown
from dvmweb.states import refusal
from dvmweb.verbs.recipes.requirements import recipes_of, standings_of
from dvmweb.verbs.vm import facts_of_listing
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.jobs import rows as job_rows
from dvmweb.web.jobs import secret_fields
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.redirects import see_other, to_job
from dvmweb.web.vms import files_pages, tab_views
from dvmweb.web.vms.overview import load_pages, overview_pages

blueprint = Blueprint("vms_pages", __name__)
OPTIONS = {"sync": ("fresh", "update", "restart"), "start": (), "stop": ("force",), "restart": (), "work": ()}
ON = ("1", "on", "true", "yes")
NOTE_BYTES = 10_000


@dataclass(frozen=True)
class PlanLine:
    """One step of a sync started now."""

    title: str
    skip_reason: str
    command: str


def _overview(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    return {**overview_pages.tab(vms, vm, now), "service": _service(vms, vm)}


def _service(vms: Vms, vm: Vm) -> tab_views.ServiceView | None:
    """Return the addresses and units of a VM's services; None if its recipes have none."""
    with suppress(DvmError):
        ordered = recipes_of(vms.paths, vm)
        if vm.config is not None and any(recipe.units for recipe in ordered):
            return tab_views.service_view(vm.config, ordered)
    return None


def _config(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    from dvmweb.config.store import ConfigStore

    text = ""
    with suppress(DvmError):
        text = ConfigStore(vms.paths).source(vm.name)[0].decode("utf-8", "replace")
    lines = tuple(log_lines(text.encode()).split("\n"))
    overlay = vms.paths.overlay_file
    return {
        "path": str(vms.paths.vm_config(vm.name)),
        "lines": lines,
        "overlay": str(overlay) if overlay.exists() else "",
    }


def _recipes(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    rows: tuple[tab_views.RecipeRow, ...] = ()
    problem = ""
    try:
        rows = tab_views.recipe_rows(vm, recipes_of(vms.paths, vm), vms.jobs(vm.name), now, standings_of(vms.paths, vm))
    except DvmError as error:
        problem = error.what
    is_planned = request.args.get("ask") == "1"
    return {
        "rows": rows,
        "recipe_problem": problem,
        "plan": _plan(vms, vm) if is_planned else (),
        "is_planned": is_planned,
    }


def _plan(vms: Vms, vm: Vm) -> tuple[PlanLine, ...]:
    """Return the steps of a sync started now; asks the engine and, if the VM is running, the guest."""
    return tuple(PlanLine(s.title, s.skip_reason or s.unknown, shown(s.argv)) for s in vms.dry_run(vm.name, {}))


def _jobs(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    return {"jobs": job_rows.job_list(vms.jobs(vm.name), job_rows.Filter(), now)}


MODELS: Mapping[str, Callable[[Vms, Vm, float], dict[str, Any]]] = {
    "overview": _overview,
    "load": load_pages.tab,
    "config": _config,
    "recipes": _recipes,
    "files": files_pages.tab,
    "jobs": _jobs,
}


def stored_key(vms: Vms, name: str) -> str:
    """Return the public key as the guest last reported it, "" if it was not read yet."""
    with suppress(OSError, UsageError):
        return files.read_bounded(vms.paths.vm_state(name) / "key.pub", NOTE_BYTES).decode("utf-8", "replace").strip()
    return ""


# -- jobs --------------------------------------------------------------------------------------------------------------


@blueprint.post("/vms/<name>/sync")
def sync(name: str) -> Response:
    """Create or start the VM and apply its config."""
    return start_job(name, "sync")


@blueprint.post("/vms/<name>/start")
def start(name: str) -> Response:
    """Start the VM and wait until the guest responds."""
    return start_job(name, "start")


@blueprint.post("/vms/<name>/work")
def work(name: str) -> Response:
    """Check for unsaved work, starting the VM if necessary."""
    return start_job(name, "work")


def start_job(name: str, verb: str) -> Response:
    """Start a job with the options of the form and redirect to its page."""
    options = {option: True for option in OPTIONS[verb] if request.form.get(option) in ON}
    secrets = secret_fields.given(request.form) if verb == "sync" else {}
    return to_job(context.vms().start_job(checked(name), verb, options, secrets))


# -- the project hook --------------------------------------------------------------------------------------------------


@blueprint.get("/vms/<name>/hook")
def hook(name: str) -> Response:
    """The project hook as the running guest reports it now, to review and approve."""
    vm = find_vm(name)
    if vm.instance is not None and vm.status != "Running":
        error = refusal("ssh", facts_of_listing(vm))
        todo = error.todo if error is not None else "Start it first."
        raise UsageError(f"{name} is {visible(vm.status) or 'not readable'}, so its hook cannot be read.", todo)
    return _hook_page(name, has_changed=False)


@blueprint.post("/vms/<name>/hook")
def approve(name: str) -> Response:
    """Approve the hook if its text is still the one that was shown; otherwise show it again."""
    vms, shown_digest = context.vms(), request.form.get("digest", "")
    found = vms.hook(checked(name))
    if not found.digest or found.digest != shown_digest:
        return _hook_page(name, has_changed=True)
    vms.approve_hook(name, found)
    if request.form.get("then") == "sync":
        return to_job(vms.start_job(name, "sync"))
    return see_other(f"/vms/{name}")


def _hook_page(name: str, *, has_changed: bool) -> Response:
    found = context.vms().hook(name)
    lines = tuple(_whole(line) for line in found.text.split(b"\n")) if found.digest else ()
    model = {"name": name, "digest": found.digest, "lines": lines, "is_approved": found.is_approved, "odd": found.odd}
    return context.page("vms/hook.html", 409 if has_changed else 200, has_changed=has_changed, **model)


def _whole(line: bytes) -> str:
    """Return a whole line of a hook, safe to show: hidden characters must be seen before an approval."""
    return "\t".join(visible(part, len(line)) for part in line.split(b"\t"))
