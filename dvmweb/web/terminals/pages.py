"""The terminal page of a VM, its one-use tickets, and the WebSocket that carries bytes to and from the keeper."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.blueprints import BlueprintSetupState

from dvmweb import names
from dvmweb.errors import DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.terminals import client
from dvmweb.terminals.launch import SHELL
from dvmweb.verbs import monitor
from dvmweb.verbs.vms import Vm
from dvmweb.web.server.guard import CONTENT_POLICY
from dvmweb.web.server.socket_tickets import Tickets
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.terminals.bridge import carry
from dvmweb.web.terminals.list_pages import open_in, trouble_of
from dvmweb.web.terminals.views import Opener, Row
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import as_json
from dvmweb.web.ui.find_vm import listed
from dvmweb.web.ui.socket_routes import socket_route

blueprint = Blueprint("terminals_pages", __name__)
log = logging.getLogger(__name__)
LIST_TIMEOUT = 3.0  # seconds to refresh the list of VMs after a change, so that no shell is opened from a stale one


@dataclass(frozen=True)
class TerminalList:
    """The terminals of a VM, as tabs."""

    vm: str
    rows: tuple[Row, ...]
    openers: tuple[Opener, ...]


@dataclass(frozen=True)
class TerminalView:
    """The terminal page of a VM."""

    vm: str
    trouble: str  # why no terminal can be opened now, "" where one can
    can_start: bool
    id: str  # the terminal to reattach to, "" for a new one
    nonce: str
    ports: tuple[str, ...]  # GUEST:HOST, so that links to guest ports open the forwarded ports
    code_dir: str
    fonts: tuple[str, ...] = terminal_views.FONTS


@blueprint.record_once
def _init_app(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.tickets"] = Tickets()
    state.app.extensions["dvm.work_checks"] = monitor.WorkChecks(state.app.extensions["dvm"]["vms"])


def tickets() -> Tickets:
    """The unused tickets of this app."""
    return cast(Tickets, current_app.extensions["dvm.tickets"])


# -- the page --------------------------------------------------------------------------------------------------------


@blueprint.get("/vms/<vm>/terminal")
def terminal(vm: str) -> Response:
    """The page: `?id=` reattaches to that terminal; without it to one that no window shows, or to a new shell."""
    found = _find(vm)
    trouble, can_start = trouble_of(found)
    terminals = _of(vm)
    wanted = request.args.get("id", "")
    view = TerminalView(
        vm=vm,
        trouble="" if any(one.id == wanted for one in terminals) else trouble,
        can_start=can_start,
        id=wanted if names.is_id(wanted) else _unviewed(terminals),
        nonce=secrets.token_urlsafe(16),
        ports=tuple(
            f"{port.guest_port}:{port.host_port}" for port in found.ports if not (port.is_lost or port.met_first)
        ),
        code_dir=visible(found.config.code_dir, 200) if found.config else "",
    )
    answer = context.page("terminals/terminal.html", view=view, list=_list_of(found, terminals), section="terminals")
    answer.headers["Content-Security-Policy"] = content_policy(view.nonce)
    return answer


@blueprint.get("/vms/<vm>/terminal/list")
def open_terminals(vm: str) -> Response:
    """The tabs; polled."""
    return context.page("terminals/_terminal_tabs.html", list=_list_of(_find(vm), _of(vm)))


def _of(vm: str) -> tuple[client.TerminalFacts, ...]:
    """The terminals of a VM in the order of opening, including one whose end was not seen yet."""
    found = (one for one in client.list_terminals(context.vms()) if one.vm == vm and (one.state or not one.ended))
    return tuple(sorted(found, key=lambda one: -one.age))


def _unviewed(terminals: tuple[client.TerminalFacts, ...]) -> str:
    """The most recently used terminal that no window shows, "" where there is none."""
    free = [one for one in terminals if not one.viewers and not one.ended]
    return min(free, key=lambda one: one.idle).id if free else ""


def _list_of(vm: Vm, terminals: tuple[client.TerminalFacts, ...]) -> TerminalList:
    return TerminalList(vm.name, tuple(terminal_views.row(one) for one in terminals), terminal_views.openers(vm))


def content_policy(nonce: str) -> str:
    """The policy of this page only: xterm.js creates <style> elements, which get the nonce, and style attributes."""
    ours = f"style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'"
    assert "style-src 'self'" in CONTENT_POLICY  # noqa: S101
    return CONTENT_POLICY.replace("style-src 'self'", ours)


def _find(name: str, timeout: float = 0.0) -> Vm:
    """The VM as last listed; where files of a VM changed since, wait up to `timeout` seconds for a new list."""
    found = next((vm for vm in listed(timeout) if vm.name == name), None)
    if found is None:
        raise NotFound(f"There is no VM {name}.", "See the list of VMs.")
    return found


# -- tickets ---------------------------------------------------------------------------------------------------------


@blueprint.post("/vms/<vm>/terminal/ticket")
def ticket(vm: str) -> Response:
    """A ticket for the terminal `id`, or for a new one of `cols` and `rows`. JSON, also for errors."""
    can_start = False
    try:
        wanted = request.form.get("id")
        if wanted:
            terminal_id = _known(vm, wanted)
        else:
            target = _find(vm, LIST_TIMEOUT)
            can_start = trouble_of(target)[1]
            terminal_id = open_in(target, request.form.get("command", SHELL))
    except DvmError as error:
        return as_json(error, can_start=can_start)
    session = context.session()
    text = tickets().issue(session.key if session else "", vm, terminal_id)
    socket = f"{request.script_root}/terminals/{terminal_id}/socket"  # url_for gives sockets an absolute URL
    return jsonify({"id": terminal_id, "ticket": text, "socket": socket})


def _known(vm: str, terminal: str) -> str:
    for facts in client.list_terminals(context.vms()):
        if facts.id == terminal and facts.vm == vm:
            return terminal
    raise NotFound("This terminal has ended.", "Open a new one.")


# -- the socket ------------------------------------------------------------------------------------------------------


def _admit(terminal: str) -> None:
    """Check the ticket and attach, before the upgrade. The guard has checked Host, Origin and session."""
    session = context.session()
    text = request.args.get("ticket", "")
    if not names.is_id(terminal) or tickets().take(text, session.key if session else "", terminal) is None:
        raise NotFound("This ticket is not valid for this terminal.", "Reload the page.")
    offset, cols, rows = (request.args.get(name, type=int) for name in ("from", "cols", "rows"))
    g.connection = client.attach(context.vms(), terminal, offset, cols, rows, request.args.get("client_id", ""))
    log.info("attached to terminal %s", terminal[:8])


@socket_route(blueprint, "/terminals/<terminal>/socket", _admit)
def carried(ws: Any, terminal: str) -> None:
    """Carry the bytes of a terminal until one side ends; once the terminal has ended, check its VM for unsaved work."""
    if carry(ws, g.connection):
        check_soon(g.connection.attached["vm"])


def check_soon(vm: str) -> None:
    """Start a check for unsaved work in this VM, without waiting for it."""
    found = next((known for known in context.listed().vms if known.name == vm), None)
    if found is not None and found.kind == "managed" and found.status == "Running" and found.job is None:
        cast(monitor.WorkChecks, current_app.extensions["dvm.work_checks"]).soon(found)


@blueprint.teardown_request
def _close_connection(_error: BaseException | None) -> None:
    connection = g.pop("connection", None)
    if connection is not None:
        connection.close()
