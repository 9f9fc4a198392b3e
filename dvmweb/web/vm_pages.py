"""The page of one VM with its tabs, the buttons that start a job on it, and its project hook."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from dvmweb import files
from dvmweb.cookbook.needed import recipes_of, secrets_of, standings_of
from dvmweb.errors import CouldNotLook, DvmError, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.lima import ledger
from dvmweb.lima.entering import shown
from dvmweb.remotes import where_to_paste
from dvmweb.terminals import client
from dvmweb.vms import Vm, Vms
from dvmweb.web import house, job_view, secret_fields, terminal_view, vm_view
from dvmweb.web.actions import actions_of, agents_of
from dvmweb.web.finding import checked, find_vm
from dvmweb.web.job_pages import see_other, to_job
from dvmweb.web.views import Mark, badge, failed_line, job_line, ports
from dvmweb.web.vms_pages import disk_used
from dvmweb.web.wall_view import wall_line
from dvmweb.web.work_line import work_line
from dvmweb.web.work_view import work_view

blueprint = Blueprint("vm_pages", __name__)
OPTIONS = {"sync": ("fresh", "update", "restart"), "start": (), "stop": ("force",), "work": ()}
ON = ("1", "on", "true", "yes")
MOST_COMMANDS = 200
NOTE_BYTES = 10_000


@dataclass(frozen=True)
class PlanLine:
    """One step that a sync would take now."""

    title: str
    skip_reason: str
    command: str


@blueprint.get("/vms/<name>")
def show(name: str) -> Response:
    """One tab of a VM."""
    vm, now = find_vm(name), time.time()
    tab = request.args.get("tab", "")
    tab = tab if tab in vm_view.TABS else "overview"
    model = _TABS[tab](house.vms(), vm, now)
    return house.page(
        "vm.html",
        vm=vm,
        badge=badge(vm, now),
        job=job_line(vm.job, now),
        failed=failed_line(vm),
        actions=(*actions_of(vm), *agents_of(vm)),
        marks=_marks(vm),
        tabs=vm_view.tabs(tab, has_key=vm.config is None or not vm.config.is_service),
        tab=tab,
        problems=tuple(vm.problem.splitlines()),
        **model,
    )


def _marks(vm: Vm) -> tuple[Mark, ...]:
    try:
        return terminal_view.marks(client.list_terminals(house.vms())).get(vm.name, ())
    except CouldNotLook as error:
        return (Mark("needs-unknown", "/terminals", error.what, ""),)


def _overview(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    return {
        "facts": vm_view.facts(vm, disk_used(vm)),
        "ports": ports(vm),
        "line": work_line(vm, now),
        "work": work_view(vm.work, now) if vm.work is not None else None,
        "wall": {"line": wall_line(vm, now), "lines": vm.wall.lines()[1:] if vm.wall else ()},
        "secrets": secret_fields.fields(secrets_of(vms.paths, vm)),
        "service": _service(vms, vm),
    }


def _service(vms: Vms, vm: Vm) -> vm_view.ServiceView | None:
    """How the services of a VM are reached and watched; None where its recipes bring none."""
    with suppress(DvmError):
        ordered = recipes_of(vms.paths, vm)
        if vm.config is not None and any(recipe.units for recipe in ordered):
            return vm_view.service_view(vm.config, ordered)
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
    rows: tuple[vm_view.RecipeRow, ...] = ()
    problem = ""
    try:
        rows = vm_view.recipe_rows(vm, recipes_of(vms.paths, vm), vms.jobs(vm.name), now, standings_of(vms.paths, vm))
    except DvmError as error:
        problem = error.what
    is_asked = request.args.get("ask") == "1"
    return {"rows": rows, "recipe_problem": problem, "plan": _plan(vms, vm) if is_asked else (), "is_asked": is_asked}


def _plan(vms: Vms, vm: Vm) -> tuple[PlanLine, ...]:
    """What a sync would do now; asks the engine and, where it runs, the guest."""
    return tuple(PlanLine(s.title, s.skip_reason, shown(s.argv) if s.argv else "") for s in vms.dry_run(vm.name, {}))


def _jobs(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    return {"rows": tuple(job_view.row(job, now) for job in vms.jobs(vm.name))}


def _commands(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    has_all = request.args.get("all") == "1"
    entries = [entry for entry in ledger.read(vms.paths, vm=vm.name, limit=100_000) if has_all or entry.job]
    return {"rows": vm_view.command_rows(entries[-MOST_COMMANDS:], now), "has_all": has_all}


def _key(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    line, repo = stored_key(vms, vm.name), vm.config.repo if vm.config else ""
    if not line and request.args.get("ask") == "1":
        line, _ = vms.ssh_key(vm.name)
    return {"key": vm_view.key_view(line, where_to_paste(repo) if repo else "") if line else None}


_TABS: Mapping[str, Callable[[Vms, Vm, float], dict[str, Any]]] = {
    "overview": _overview,
    "config": _config,
    "recipes": _recipes,
    "jobs": _jobs,
    "commands": _commands,
    "key": _key,
}


def stored_key(vms: Vms, name: str) -> str:
    """The public key as it was last told, "" where nobody has asked."""
    with suppress(OSError, UsageError):
        return files.read_bounded(vms.paths.vm_state(name) / "key.pub", NOTE_BYTES).decode("utf-8", "replace").strip()
    return ""


# -- jobs --------------------------------------------------------------------------------------------------------------


@blueprint.post("/vms/<name>/sync")
def sync(name: str) -> Response:
    """Create or start the VM and bring it to its config."""
    return start_job(name, "sync")


@blueprint.post("/vms/<name>/start")
def start(name: str) -> Response:
    """Start the VM and wait until it answers."""
    return start_job(name, "start")


@blueprint.post("/vms/<name>/work")
def work(name: str) -> Response:
    """Look which work would be lost with the VM, starting it if that must be."""
    return start_job(name, "work")


def start_job(name: str, verb: str) -> Response:
    """Start a job with the options of the form, and go to its page."""
    options = {option: True for option in OPTIONS[verb] if request.form.get(option) in ON}
    secrets = secret_fields.given(request.form) if verb == "sync" else {}
    return to_job(house.vms().start_job(checked(name), verb, options, secrets))


# -- the project hook --------------------------------------------------------------------------------------------------


@blueprint.get("/vms/<name>/hook")
def hook(name: str) -> Response:
    """The project hook as the running guest shows it now, to read and to approve."""
    vm = find_vm(name)
    if vm.instance is not None and vm.status != "Running":
        raise UsageError(
            f"{name} is {visible(vm.status) or 'not readable'}, so nobody can read its hook.", "Start it first."
        )
    return _hook_page(name, has_changed=False)


@blueprint.post("/vms/<name>/hook")
def approve(name: str) -> Response:
    """Approve the very text that was read; another text by now is shown again."""
    vms, shown_digest = house.vms(), request.form.get("digest", "")
    found = vms.hook(checked(name))
    if not found.digest or found.digest != shown_digest:
        return _hook_page(name, has_changed=True)
    vms.approve_hook(name, found)
    if request.form.get("then") == "sync":
        return to_job(vms.start_job(name, "sync"))
    return see_other(f"/vms/{name}")


def _hook_page(name: str, *, has_changed: bool) -> Response:
    found = house.vms().hook(name)
    lines = tuple(_whole(line) for line in found.text.split(b"\n")) if found.digest else ()
    model = {"name": name, "digest": found.digest, "lines": lines, "is_approved": found.is_approved, "odd": found.odd}
    return house.page("hook.html", 409 if has_changed else 200, has_changed=has_changed, **model)


def _whole(line: bytes) -> str:
    """A line of a hook with nothing left out: what is approved must have been seen, hidden characters too."""
    return "\t".join(visible(part, len(line)) for part in line.split(b"\t"))
