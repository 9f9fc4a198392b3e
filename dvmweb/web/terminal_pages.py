"""The terminal of a VM: its page, one-use tickets, and the socket that carries bytes to and from the keeper."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, jsonify, redirect, request, url_for
from flask.blueprints import BlueprintSetupState

from dvmweb import names, rounds
from dvmweb.errors import DvmError, NotFound, NotNow
from dvmweb.terminals import client
from dvmweb.vms import Vm
from dvmweb.web import house
from dvmweb.web.bridge import carry
from dvmweb.web.guard import CONTENT_POLICY
from dvmweb.web.problems import status_of
from dvmweb.web.sockets import socket_route
from dvmweb.web.tickets import Tickets

blueprint = Blueprint("terminal_pages", __name__)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TerminalLine:
    """An open terminal in the list of a VM's page."""

    id: str
    words: str


@dataclass(frozen=True)
class TerminalList:
    """The open terminals of a VM."""

    vm: str
    title: str
    lines: tuple[TerminalLine, ...]


@dataclass(frozen=True)
class TerminalView:
    """What the page of a VM's terminals shows."""

    vm: str
    trouble: str  # why no terminal can be opened now, "" where one can
    can_start: bool
    id: str  # the terminal to come back to, "" for a new one
    nonce: str


@blueprint.record_once
def _furnish(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.tickets"] = Tickets()


def tickets() -> Tickets:
    """The tickets of this app."""
    return cast(Tickets, current_app.extensions["dvm.tickets"])


# -- the page --------------------------------------------------------------------------------------------------------


@blueprint.get("/vms/<vm>/terminal")
def terminal(vm: str) -> Response:
    """The page; `?id=` comes back to a terminal that is open."""
    trouble, can_start = trouble_of(_find(vm))
    here = request.args.get("id", "")
    view = TerminalView(
        vm=vm,
        trouble=trouble,
        can_start=can_start,
        id=here if names.is_id(here) else "",
        nonce=secrets.token_urlsafe(16),
    )
    answer = house.page("terminal.html", view=view, list=_list_of(vm), section="terminal")
    answer.headers["Content-Security-Policy"] = content_policy(view.nonce)
    return answer


@blueprint.get("/vms/<vm>/terminal/list")
def open_terminals(vm: str) -> Response:
    """The part of the page that lists what is open."""
    return house.page("_terminal_list.html", list=_list_of(_find(vm).name))


def content_policy(nonce: str) -> str:
    """The policy of this page alone: xterm.js makes <style> elements, which get the nonce, and style attributes."""
    ours = f"style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'"
    assert "style-src 'self'" in CONTENT_POLICY  # noqa: S101
    return CONTENT_POLICY.replace("style-src 'self'", ours)


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


def _find(name: str) -> Vm:
    found = next((vm for vm in house.watch().snapshot().vms if vm.name == name), None)
    if found is None:
        raise NotFound(f"There is no VM {name}.", "The list of VMs shows what there is.")
    return found


def _list_of(vm: str) -> TerminalList:
    lines = tuple(_line(facts) for facts in client.list_terminals(house.vms()) if facts.vm == vm and not facts.ended)
    return TerminalList(vm, f"{len(lines)} open {'terminal' if len(lines) == 1 else 'terminals'}", lines)


def _line(facts: client.TerminalFacts) -> TerminalLine:
    tabs = f"open in {facts.viewers} {'tab' if facts.viewers == 1 else 'tabs'}" if facts.viewers else "open in no tab"
    return TerminalLine(facts.id, f"opened {_seconds(facts.age)}, last used {_seconds(facts.idle)}, {tabs}")


def _seconds(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


# -- a way in --------------------------------------------------------------------------------------------------------


@blueprint.post("/vms/<vm>/terminal/ticket")
def ticket(vm: str) -> Response:
    """A ticket for the terminal `id`, or for a new one of `cols` and `rows`; as JSON, errors too."""
    try:
        found = _known(vm, request.form["id"]) if request.form.get("id") else _opened(vm)
    except DvmError as error:
        answer = jsonify({"what": error.what, "todo": error.todo})
        answer.status_code = status_of(error)
        return answer
    session = house.session()
    text = tickets().issue(session.key if session else "", vm, found)
    # Not url_for: for a socket it gives a whole address, with a host.
    return jsonify({"id": found, "ticket": text, "socket": f"{request.script_root}/terminals/{found}/socket"})


def _known(vm: str, terminal: str) -> str:
    for facts in client.list_terminals(house.vms()):
        if facts.id == terminal and facts.vm == vm:
            return terminal
    raise NotFound("This terminal has ended.", "Open a new one.")


def _opened(vm: str) -> str:
    trouble, _ = trouble_of(_find(vm))
    if trouble:
        raise NotNow(trouble, "Then open the terminal again.")
    cols, rows = (request.form.get(name, type=int) for name in ("cols", "rows"))
    return client.open_terminal(house.vms(), vm, cols or 80, rows or 24)


@blueprint.post("/terminals/<terminal>/close")
def close(terminal: str) -> Response:
    """End a terminal and go back to its VM's page."""
    facts = next((one for one in client.list_terminals(house.vms()) if one.id == terminal and not one.ended), None)
    if facts is None:
        raise NotFound("There is no such terminal; it may have ended.", "Open a new one.")
    client.close(house.vms(), terminal)
    return cast(Response, redirect(url_for("terminal_pages.terminal", vm=facts.vm), 303))


# -- the socket ------------------------------------------------------------------------------------------------------


def _admit(terminal: str) -> None:
    """Before the upgrade: the ticket, then the terminal itself. Guard has seen Host, Origin and session."""
    session = house.session()
    text = request.args.get("ticket", "")
    if not names.is_id(terminal) or tickets().take(text, session.key if session else "", terminal) is None:
        raise NotFound("This ticket does not open this terminal.", "Load the page again.")
    offset, cols, rows = (request.args.get(name, type=int) for name in ("from", "cols", "rows"))
    g.connection = client.attach(house.vms(), terminal, offset, cols, rows)
    log.info("a viewer of terminal %s", terminal[:8])


@socket_route(blueprint, "/terminals/<terminal>/socket", _admit)
def carried(ws: Any, terminal: str) -> None:
    """Carry the bytes of a terminal until one side ends. What was left behind in the VM is looked at then."""
    if carry(ws, g.connection):
        found = next((vm for vm in house.watch().snapshot().vms if vm.name == g.connection.attached["vm"]), None)
        if found is not None and found.kind == "managed" and found.status == "Running" and found.job is None:
            threading.Thread(target=rounds.look_again, args=(house.vms(), found), name="look", daemon=True).start()


@blueprint.teardown_request
def _let_go(_error: BaseException | None) -> None:
    connection = g.pop("connection", None)
    if connection is not None:
        connection.close()
