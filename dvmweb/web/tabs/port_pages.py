"""The tab *Ports*: what listens in the VM, what leads to it, and the forms that open, move and close a port."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import visible
from dvmweb.verbs import ports as verb
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.tabs import port_views
from dvmweb.web.tabs.frame import vm_page
from dvmweb.web.tabs.port_views import ListenersView, PortRow
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import status_of
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.vms.overview.overview_pages import overviews

blueprint = Blueprint("tabs_port_pages", __name__)
MOST = 20  # characters of a port as it was typed


@dataclass(frozen=True)
class Problem:
    """What was refused, and the form that it belongs to."""

    form: str  # open, move, close
    what: str
    todo: str
    typed: str


@dataclass(frozen=True)
class PortsView:
    """The tab."""

    vm: str
    rows: tuple[PortRow, ...]
    is_running: bool
    can_change: bool  # the config can be read
    listeners: ListenersView
    moving: PortRow | None = None  # the row whose host port is being changed
    problem: Problem | None = None

    @property
    def poll(self) -> str:
        """The path of the next poll, below the prefix."""
        return f"/vms/{self.vm}/ports?part=1" + (f"&change={self.moving.host_port}" if self.moving else "")

    def error_of(self, form: str) -> Problem | None:
        """The problem of one form."""
        return self.problem if self.problem is not None and self.problem.form == form else None


def tab(vms: Vms, vm: Vm, now: float, problem: Problem | None = None, change: str = "") -> dict[str, Any]:
    """All ports; each that seems open was checked by a connection through it. `change`: a host port."""
    states = verb.checked(vms, vm.name, is_quiet=True) if vm.config is not None else vm.ports
    is_requested = request.args.get("ask") == "inside"  # as a page without script does
    report = overviews().fresh(vms, vm) if is_requested else overviews().known(vm)
    rows = port_views.with_programs(port_views.rows(vm.name, states), report, now)
    can_change = vm.config is not None
    listening = port_views.listeners(report, rows, now, can_change=can_change)
    change = change or request.args.get("change", "")
    moving = next((row for row in rows if str(row.host_port) == change), None)
    return {"ports": PortsView(vm.name, rows, vm.status == "Running", can_change, listening, moving, problem)}


@blueprint.get("/vms/<name>/ports")
def show(name: str) -> Response:
    """The tab; with `part`, for the page itself, the rows alone."""
    vm = find_vm(name)
    model = tab(context.vms(), vm, time.time())
    is_part = request.args.get("part") == "1" and context.is_htmx()
    return context.page("tabs/_port_rows.html", **model) if is_part else vm_page(vm, "ports", model)


@blueprint.get("/vms/<name>/ports/listening")
def listening(name: str) -> Response:
    """What listens in the guest, for the page itself; asks it, unless the last answer is younger than 20 s."""
    vms, vm, now = context.vms(), find_vm(name), time.time()
    report = overviews().fresh(vms, vm)
    rows = port_views.rows(vm.name, vm.ports)
    view = port_views.listeners(report, rows, now, can_change=vm.config is not None)
    return context.page("tabs/_listeners.html", name=vm.name, listeners=view)


@blueprint.post("/vms/<name>/ports/open")
def open_one(name: str) -> Response:
    """Open a port, and add it to the config; with `live`, until the VM stops."""
    typed, is_live = _typed("port"), bool(request.form.get("live"))
    return _done(name, "open", typed, lambda vms: verb.add(vms, name, typed, is_temporary=is_live))


@blueprint.post("/vms/<name>/ports/move")
def move_one(name: str) -> Response:
    """Give a port another number on this computer."""
    typed, old = _typed("host"), _typed("port")
    return _done(name, "move", typed, lambda vms: verb.move(vms, name, _number(old), _number(typed)), old)


@blueprint.post("/vms/<name>/ports/close")
def close_one(name: str) -> Response:
    """Close a port, and remove it from the config."""
    typed = _typed("port")
    return _done(name, "close", typed, lambda vms: verb.remove(vms, name, _number(typed)))


def _done(name: str, form: str, typed: str, act: Callable[[Vms], object], change: str = "") -> Response:
    """Redirect to the tab, or show it with what was refused at the form."""
    vms = context.vms()
    checked(name)
    try:
        act(vms)
    except DvmError as error:
        problem = Problem(form, visible(error.what, 600), visible(error.todo, 600), visible(typed, MOST))
        vm = find_vm(name)
        return vm_page(vm, "ports", tab(vms, vm, time.time(), problem, change), status_of(error))
    return see_other(f"/vms/{name}?tab=ports")


def _typed(field: str) -> str:
    return request.form.get(field, "").strip()[:MOST]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise UsageError(f"{visible(text, MOST)!r} is not a port.", "A port is a number from 1024 to 65535.")
    return int(text)
