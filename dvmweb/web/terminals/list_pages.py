"""Pages for the terminals of all VMs: which need attention, and the forms that open, rename and close one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from dvmweb.errors import NotFound, NotNow
from dvmweb.guest_text import visible
from dvmweb.states import refusal
from dvmweb.terminals import client
from dvmweb.terminals.client import TerminalFacts
from dvmweb.terminals.launch import SHELL
from dvmweb.verbs import processes_in_use
from dvmweb.verbs.vm import facts_of_listing
from dvmweb.verbs.vms import Vm
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.terminals.views import Opener, Row
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.ui.formatting import needs_you

blueprint = Blueprint("terminals_list_pages", __name__)


@dataclass(frozen=True)
class Place:
    """A VM in which a terminal can be opened now."""

    vm: str
    openers: tuple[Opener, ...]


@dataclass(frozen=True)
class TerminalsPage:
    """The page, and the part of it that is polled."""

    title: str
    heading: str
    needing: tuple[Row, ...]
    others: tuple[Row, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class CloseQuestion:
    """The page that confirms closing a terminal in which something runs."""

    row: Row
    title: str
    programs: tuple[str, ...]


@blueprint.get("/terminals")
def index() -> Response:
    """The terminals of all VMs."""
    return context.page("terminals/terminals.html", page=_model(), alone=False)


@blueprint.get("/terminals/rows")
def rows() -> Response:
    """The part of the page that is polled."""
    return context.page("terminals/_terminals.html", page=_model(), alone=True)


def _model() -> TerminalsPage:
    every = terminal_views.rows(client.list_terminals(context.vms()))
    heading = terminal_views.heading(every)
    needing = tuple(one for one in every if one.needs_attention)
    title = f"{needs_you(len(needing)) if needing else 'Terminals'} · dvm"
    places = tuple(_place(vm) for vm in context.watch().snapshot().vms if trouble_of(vm)[0] == "")
    return TerminalsPage(title, heading, needing, tuple(one for one in every if not one.needs_attention), places)


def _place(vm: Vm) -> Place:
    return Place(vm.name, terminal_views.openers(vm))


def trouble_of(vm: Vm) -> tuple[str, bool]:
    """Why no terminal can be opened in this VM ("" where one can), and whether starting the VM helps."""
    if vm.kind == "unmanaged":
        return f"{vm.name} was not created by dvm. Enter it with: limactl shell {vm.name}", False
    if vm.kind == "not created":
        return f"{vm.name} is not created yet. Sync it first.", False
    if vm.problem:
        return f"The config of {vm.name} has errors. Fix them first.", False
    if vm.status == "Running":  # a terminal waits for a VM that boots or does not respond
        return "", False
    if vm.status == "Stopped":
        return f"{vm.name} is stopped.", True
    error = refusal("terminal", facts_of_listing(vm))
    return (f"{error.what} {error.todo}" if error is not None else ""), False


# -- open, name, close -------------------------------------------------------------------------------------------------


def open_in(vm: Vm, command: str) -> str:
    """Open a named command in a VM and return the terminal's id. Raises NotNow, UsageError."""
    trouble, can_start = trouble_of(vm)
    if trouble:
        raise NotNow(
            trouble, "Start it, then open the terminal again." if can_start else "Then open the terminal again."
        )
    if command != SHELL and terminal_views.has_failed_sandbox(vm):
        todo = f"Sync {vm.name} with every recipe run again, then open the agent again."
        raise NotNow(f"The agent sandbox of {vm.name} failed its test, so no agent is opened.", todo)
    cols, rows = (request.form.get(name, type=int) for name in ("cols", "rows"))
    return client.open_terminal(context.vms(), vm.name, cols or 80, rows or 24, command)


@blueprint.post("/vms/<vm>/terminals")
def open_one(vm: str) -> Response:
    """Open a terminal (`command`: shell or an agent) and redirect to it. The command comes from a form, never a URL."""
    opened = open_in(find_vm(vm), request.form.get("command", SHELL))
    return cast(Response, redirect(url_for("terminals_pages.terminal", vm=vm, id=opened), 303))


@blueprint.post("/terminals/<terminal>/name")
def rename(terminal: str) -> Response:
    """Rename a terminal to the form's `name`."""
    facts = facts_of(terminal)
    client.rename(context.vms(), terminal, request.form.get("name", ""))
    return cast(Response, redirect(url_for("terminals_pages.terminal", vm=facts.vm, id=terminal), 303))


@blueprint.post("/terminals/<terminal>/close")
def close(terminal: str) -> Response:
    """Close a terminal. Confirmed first (`sure`) where something runs in it, or where that could not be checked.

    With `back` it redirects to the page of all terminals. `as=json` returns JSON: closed, or what runs.
    """
    facts = facts_of(terminal)
    is_json = request.form.get("as") == "json"
    if not request.form.get("sure"):
        occupied = processes_in_use.what_runs(context.vms(), _vm(facts.vm), facts)
        if not occupied.is_idle:
            return _confirm(facts, occupied, is_json=is_json)
    client.close(context.vms(), terminal)
    if is_json:
        return jsonify({"closed": True})
    if request.form.get("back"):
        return cast(Response, redirect(url_for("terminals_list_pages.index"), 303))
    return cast(Response, redirect(url_for("terminals_pages.terminal", vm=facts.vm), 303))


def _confirm(facts: TerminalFacts, occupied: processes_in_use.Occupied, *, is_json: bool) -> Response:
    row = terminal_views.row(facts)
    title = close_title(row.name, occupied)
    if is_json:
        answer = jsonify({"closed": False, "title": title, "programs": occupied.programs})
        answer.status_code = 409
        return answer
    question = CloseQuestion(row, title, occupied.programs)
    return context.page("terminals/terminal_close.html", 409, question=question, back=request.form.get("back", ""))


def close_title(name: str, occupied: processes_in_use.Occupied) -> str:
    """The question, with what runs in the terminal."""
    if not occupied.is_known:
        return f"Close {name}? What runs in it could not be checked."
    shown = ", ".join(visible(program, 40) for program in occupied.programs)
    verb = "is" if len(occupied.programs) == 1 else "are"
    return f"Close {name}? {shown} {verb} running in it and will be terminated."


def facts_of(terminal: str) -> TerminalFacts:
    """What the keeper reports about a terminal. Raises NotFound."""
    found = next((one for one in client.list_terminals(context.vms()) if one.id == terminal), None)
    if found is None:
        raise NotFound("This terminal does not exist; it may have ended.", "Open a new one.")
    return found


def _vm(name: str) -> Vm | None:
    return next((vm for vm in context.listed().vms if vm.name == name), None)
