"""The overview of a VM, and its card that asks the guest after the page is shown."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, current_app, request

from dvmweb.verbs import protection
from dvmweb.verbs.load.guest_overview import Overviews
from dvmweb.verbs.recipes.requirements import secrets_of
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.jobs import secret_fields
from dvmweb.web.ui import context
from dvmweb.web.ui.disk import disk_used
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.vms import exposure_pages
from dvmweb.web.vms.overview import load_pages
from dvmweb.web.vms.overview.overview_views import agent_rows, facts, inside_view
from dvmweb.web.vms.sandbox_view import sandbox_line
from dvmweb.web.vms.status import ports
from dvmweb.web.vms.work_line import work_line
from dvmweb.web.vms.work_views import work_view

blueprint = Blueprint("overview_overview_pages", __name__)
EXTENSION = "dvm_overviews"


@blueprint.get("/vms/<name>/inside")
def inside(name: str) -> Response:
    """The card about the guest; asks it, unless the last answer is younger than 20 s."""
    vm = find_vm(name)
    report = overviews().fresh(context.vms(), vm)
    return context.page("vms/overview/_inside.html", vm=vm, inside=inside_view(report, time.time()))


def overviews() -> Overviews:
    """Return what guests answered; all pages share it."""
    found: Overviews = current_app.extensions.setdefault(EXTENSION, Overviews())
    return found


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """Return the model of the overview; asks the guest only if the address says so, as a page without script does."""
    terminals, is_blind = load_pages.open_terminals(vms)
    turns = load_pages.turns(vms, vm.name, now, terminals)
    is_requested = request.args.get("ask") == "inside"
    report = overviews().fresh(vms, vm) if is_requested else overviews().known(vm)
    return {
        "facts": facts(vm, disk_used(vm)),
        "agents": agent_rows(vm, terminals, turns),
        "is_blind": is_blind,
        "inside": inside_view(report, now),
        "load": load_pages.view(vms, vm, now, turns),
        "ports": ports(vm),
        "exposure": exposure_pages.view(vms, vm, now),
        "is_protected": protection.is_marked(vms.paths, vm.name),
        "line": work_line(vm, now),
        "work": work_view(vm.known, now, is_running=vm.status == "Running") if vm.known is not None else None,
        "sandbox": {"line": sandbox_line(vm, now), "lines": vm.sandbox.lines()[1:] if vm.sandbox else ()},
        "secrets": secret_fields.fields(secrets_of(vms.paths, vm)),
    }
