"""The terminals of all VMs: which agent needs somebody, and the forms that open, name and close one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from dvmweb import closing
from dvmweb.errors import CouldNotLook, NotFound, NotNow
from dvmweb.guest_text import visible
from dvmweb.terminals import client
from dvmweb.terminals.client import TerminalFacts
from dvmweb.terminals.order import SHELL
from dvmweb.vms import Vm
from dvmweb.web import house, terminal_view
from dvmweb.web.finding import find_vm
from dvmweb.web.terminal_view import Opener, Row
from dvmweb.web.wording import needs_you

blueprint = Blueprint("terminals_pages", __name__)


@dataclass(frozen=True)
class Place:
    """A VM in which a terminal can be opened now."""

    vm: str
    openers: tuple[Opener, ...]


@dataclass(frozen=True)
class TerminalsPage:
    """What the page shows, and the part of it that is polled."""

    title: str
    heading: str
    needing: tuple[Row, ...]
    others: tuple[Row, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class CloseQuestion:
    """The page that asks before something that runs is ended."""

    row: Row
    title: str
    programs: tuple[str, ...]


@blueprint.get("/terminals")
def index() -> Response:
    """The terminals of all VMs."""
    return house.page("terminals.html", page=_model(), alone=False)


@blueprint.get("/terminals/rows")
def rows() -> Response:
    """The part of the page that is polled."""
    return house.page("_terminals.html", page=_model(), alone=True)


@blueprint.get("/attention")
def attention() -> Response:
    """Which terminals need somebody, as JSON: for the mark in the frame of every page, and for notices.

    null where nobody can say.
    """
    try:
        terminals = client.list_terminals(house.vms())
    except CouldNotLook:
        return jsonify({"needing": None})
    found = [
        {
            "id": one.id,
            "vm": one.vm,
            "title": f"{one.vm}: {row.words}",
            "path": row.path,
            "is_watched": one.watched,
        }
        for one, row in ((one, terminal_view.row(one)) for one in terminals)
        if row.needs_you
    ]
    return jsonify({"needing": found})


def _model() -> TerminalsPage:
    every = terminal_view.rows(client.list_terminals(house.vms()))
    heading = terminal_view.heading(every)
    needing = tuple(one for one in every if one.needs_you)
    title = f"{needs_you(len(needing)) if needing else 'Terminals'} · dvm"
    places = tuple(_place(vm) for vm in house.watch().snapshot().vms if trouble_of(vm)[0] == "")
    return TerminalsPage(title, heading, needing, tuple(one for one in every if not one.needs_you), places)


def _place(vm: Vm) -> Place:
    return Place(vm.name, terminal_view.openers(vm))


def trouble_of(vm: Vm) -> tuple[str, bool]:
    """Why no terminal can be opened in this VM, and whether a start would help."""
    if vm.kind == "unmanaged":
        return f"{vm.name} was not made by dvm. Enter it with: limactl shell {vm.name}", False
    if vm.kind == "not created":
        return f"{vm.name} is not created yet. Sync it first.", False
    if vm.problem:
        return "Its config has errors. Mend them first.", False
    if vm.status != "Running":
        return f"{vm.name} is {vm.status.lower() or 'in an unknown state'}.", vm.status == "Stopped"
    return "", False


# -- open, name, close -------------------------------------------------------------------------------------------------


def open_in(vm: Vm, command: str) -> str:
    """Open a named command in a VM; the size is that of the window, once one looks. Raises NotNow, UsageError."""
    trouble, can_start = trouble_of(vm)
    if trouble:
        raise NotNow(
            trouble, "Start it, then open the terminal again." if can_start else "Then open the terminal again."
        )
    if command != SHELL and terminal_view.has_hole(vm):
        todo = f"Sync {vm.name} with every recipe run again, then open the agent once more."
        raise NotNow(f"The wall around the agents of {vm.name} has a hole, so none is opened.", todo)
    cols, rows = (request.form.get(name, type=int) for name in ("cols", "rows"))
    return client.open_terminal(house.vms(), vm.name, cols or 80, rows or 24, command)


@blueprint.post("/vms/<vm>/terminals")
def open_one(vm: str) -> Response:
    """Open a terminal (`command`: shell or an agent) and go there; the command comes from a form, never an address."""
    opened = open_in(find_vm(vm), request.form.get("command", SHELL))
    return cast(Response, redirect(url_for("terminal_pages.terminal", vm=vm, id=opened), 303))


@blueprint.post("/terminals/<terminal>/name")
def rename(terminal: str) -> Response:
    """Give a terminal the name `name`."""
    facts = facts_of(terminal)
    client.rename(house.vms(), terminal, request.form.get("name", ""))
    return cast(Response, redirect(url_for("terminal_pages.terminal", vm=facts.vm, id=terminal), 303))


@blueprint.post("/terminals/<terminal>/close")
def close(terminal: str) -> Response:
    """End a terminal. While something runs in it, or nobody could look, it asks first: `sure` is the answer.

    With `back` the way back is the page of all terminals. `as=json` asks for a short answer: what runs, or closed.
    """
    facts = facts_of(terminal)
    is_json = request.form.get("as") == "json"
    if not request.form.get("sure"):
        occupied = closing.what_runs(house.vms(), _vm(facts.vm), facts)
        if not occupied.is_idle:
            return _ask(facts, occupied, is_json=is_json)
    client.close(house.vms(), terminal)
    if is_json:
        return jsonify({"closed": True})
    if request.form.get("back"):
        return cast(Response, redirect(url_for("terminals_pages.index"), 303))
    return cast(Response, redirect(url_for("terminal_pages.terminal", vm=facts.vm), 303))


def _ask(facts: TerminalFacts, occupied: closing.Occupied, *, is_json: bool) -> Response:
    row = terminal_view.row(facts)
    title = close_title(row.name, occupied)
    if is_json:
        answer = jsonify({"closed": False, "title": title, "programs": occupied.programs})
        answer.status_code = 409
        return answer
    question = CloseQuestion(row, title, occupied.programs)
    return house.page("terminal_close.html", 409, question=question, back=request.form.get("back", ""))


def close_title(name: str, occupied: closing.Occupied) -> str:
    """The question, with what is known."""
    if not occupied.is_known:
        return f"Close {name}? Nobody could look what runs in it."
    shown = ", ".join(visible(program, 40) for program in occupied.programs)
    return f"Close {name}? {shown} {'runs' if len(occupied.programs) == 1 else 'run'} in it and will be ended."


def facts_of(terminal: str) -> TerminalFacts:
    """What the keeper tells of a terminal. Raises NotFound."""
    found = next((one for one in client.list_terminals(house.vms()) if one.id == terminal), None)
    if found is None:
        raise NotFound("There is no such terminal; it may have ended.", "Open a new one.")
    return found


def _vm(name: str) -> Vm | None:
    return next((vm for vm in house.watch().snapshot().vms if vm.name == name), None)
