"""The terminal of a VM: its page, one-use tickets, and the socket that carries bytes to and from the keeper."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.blueprints import BlueprintSetupState

from dvmweb import names, rounds
from dvmweb.errors import DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.terminals import client
from dvmweb.terminals.order import SHELL
from dvmweb.vms import Vm
from dvmweb.web import house, terminal_view
from dvmweb.web.bridge import carry
from dvmweb.web.guard import CONTENT_POLICY
from dvmweb.web.problems import as_json
from dvmweb.web.sockets import socket_route
from dvmweb.web.terminal_view import Opener, Row
from dvmweb.web.terminals_pages import open_in, trouble_of
from dvmweb.web.tickets import Tickets

blueprint = Blueprint("terminal_pages", __name__)
log = logging.getLogger(__name__)
PATIENCE = 3.0  # seconds for a look at VMs that have just changed: no shell of a stale list


@dataclass(frozen=True)
class TerminalList:
    """The terminals of a VM, as tabs."""

    vm: str
    rows: tuple[Row, ...]
    openers: tuple[Opener, ...]


@dataclass(frozen=True)
class TerminalView:
    """What the page of a VM's terminals shows."""

    vm: str
    trouble: str  # why no terminal can be opened now, "" where one can
    can_start: bool
    id: str  # the terminal to come back to, "" for a new one
    nonce: str
    ports: tuple[str, ...]  # GUEST:HOST, so that a link to a guest's port leads to the forwarded one
    code_dir: str


@blueprint.record_once
def _furnish(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.tickets"] = Tickets()
    state.app.extensions["dvm.looks"] = rounds.Looks(state.app.extensions["dvm"]["vms"])


def tickets() -> Tickets:
    """The tickets of this app."""
    return cast(Tickets, current_app.extensions["dvm.tickets"])


# -- the page --------------------------------------------------------------------------------------------------------


@blueprint.get("/vms/<vm>/terminal")
def terminal(vm: str) -> Response:
    """The page: `?id=` comes back to a terminal; without it to the one that nobody looks at, or to a new shell."""
    found = _find(vm)
    trouble, can_start = trouble_of(found)
    terminals = _of(vm)
    asked = request.args.get("id", "")
    view = TerminalView(
        vm=vm,
        trouble="" if any(one.id == asked for one in terminals) else trouble,
        can_start=can_start,
        id=asked if names.is_id(asked) else _unseen(terminals),
        nonce=secrets.token_urlsafe(16),
        ports=tuple(f"{port.guest_port}:{port.host_port}" for port in found.config.ports) if found.config else (),
        code_dir=visible(found.config.code_dir, 200) if found.config else "",
    )
    answer = house.page("terminal.html", view=view, list=_list_of(found, terminals), section="terminals")
    answer.headers["Content-Security-Policy"] = content_policy(view.nonce)
    return answer


@blueprint.get("/vms/<vm>/terminal/list")
def open_terminals(vm: str) -> Response:
    """The tabs, which are polled."""
    return house.page("_terminal_tabs.html", list=_list_of(_find(vm), _of(vm)))


def _of(vm: str) -> tuple[client.TerminalFacts, ...]:
    """The terminals of a VM in the order of opening; one that ended unseen is among them."""
    found = (one for one in client.list_terminals(house.vms()) if one.vm == vm and (one.state or not one.ended))
    return tuple(sorted(found, key=lambda one: -one.age))


def _unseen(terminals: tuple[client.TerminalFacts, ...]) -> str:
    """The terminal used last of those that nobody looks at, "" for a new one."""
    free = [one for one in terminals if not one.viewers and not one.ended]
    return min(free, key=lambda one: one.idle).id if free else ""


def _list_of(vm: Vm, terminals: tuple[client.TerminalFacts, ...]) -> TerminalList:
    return TerminalList(vm.name, tuple(terminal_view.row(one) for one in terminals), terminal_view.openers(vm))


def content_policy(nonce: str) -> str:
    """The policy of this page alone: xterm.js makes <style> elements, which get the nonce, and style attributes."""
    ours = f"style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'"
    assert "style-src 'self'" in CONTENT_POLICY  # noqa: S101
    return CONTENT_POLICY.replace("style-src 'self'", ours)


def _find(name: str, patience: float = 0.0) -> Vm:
    """The VM as it was seen last; where a file of a VM has changed since then, wait so long for the next look."""
    found = next((vm for vm in house.watch().snapshot(patience).vms if vm.name == name), None)
    if found is None:
        raise NotFound(f"There is no VM {name}.", "The list of VMs shows what there is.")
    return found


# -- a way in --------------------------------------------------------------------------------------------------------


@blueprint.post("/vms/<vm>/terminal/ticket")
def ticket(vm: str) -> Response:
    """A ticket for the terminal `id`, or for a new one of `cols` and `rows`; as JSON, errors too."""
    can_start = False
    try:
        asked = request.form.get("id")
        if asked:
            found = _known(vm, asked)
        else:
            place = _find(vm, PATIENCE)
            can_start = trouble_of(place)[1]
            found = open_in(place, request.form.get("command", SHELL))
    except DvmError as error:
        return as_json(error, can_start=can_start)
    session = house.session()
    text = tickets().issue(session.key if session else "", vm, found)
    # Not url_for: for a socket it gives a whole address, with a host.
    return jsonify({"id": found, "ticket": text, "socket": f"{request.script_root}/terminals/{found}/socket"})


def _known(vm: str, terminal: str) -> str:
    for facts in client.list_terminals(house.vms()):
        if facts.id == terminal and facts.vm == vm:
            return terminal
    raise NotFound("This terminal has ended.", "Open a new one.")


# -- the socket ------------------------------------------------------------------------------------------------------


def _admit(terminal: str) -> None:
    """Before the upgrade: the ticket, then the terminal itself. Guard has seen Host, Origin and session."""
    session = house.session()
    text = request.args.get("ticket", "")
    if not names.is_id(terminal) or tickets().take(text, session.key if session else "", terminal) is None:
        raise NotFound("This ticket does not open this terminal.", "Load the page again.")
    offset, cols, rows = (request.args.get(name, type=int) for name in ("from", "cols", "rows"))
    g.connection = client.attach(house.vms(), terminal, offset, cols, rows, request.args.get("typist", ""))
    log.info("a viewer of terminal %s", terminal[:8])


@socket_route(blueprint, "/terminals/<terminal>/socket", _admit)
def carried(ws: Any, terminal: str) -> None:
    """Carry the bytes of a terminal until one side ends. What was left behind in the VM is looked at then."""
    if carry(ws, g.connection):
        look_soon(g.connection.attached["vm"])


def look_soon(vm: str) -> None:
    """Something was done in this VM: look into it for work at risk, without waiting for that."""
    found = next((known for known in house.watch().snapshot().vms if known.name == vm), None)
    if found is not None and found.kind == "managed" and found.status == "Running" and found.job is None:
        cast(rounds.Looks, current_app.extensions["dvm.looks"]).soon(found)


@blueprint.teardown_request
def _let_go(_error: BaseException | None) -> None:
    connection = g.pop("connection", None)
    if connection is not None:
        connection.close()
