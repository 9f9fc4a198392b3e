"""File uploads from the terminal page: a one-use ticket, and the WebSocket that carries one file into the VM."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState
from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from dvmweb.errors import DvmError, NotFound, NotNow, UsageError
from dvmweb.records import last_use
from dvmweb.states import refusal
from dvmweb.terminals import wire
from dvmweb.verbs.uploads import Arrived, Slots, Upload, UploadEnded, Wanted
from dvmweb.web.server.socket_tickets import Tickets
from dvmweb.web.server.websockets import POLICY, close
from dvmweb.web.terminals.forwarding import BadMessage, forward_input
from dvmweb.web.terminals.list_pages import trouble_of
from dvmweb.web.terminals.pages import check_soon
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import as_json
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.socket_routes import socket_route

blueprint = Blueprint("terminals_upload_pages", __name__)
HELLO_SECONDS = 10
LONGEST_HELLO = 32768  # characters: a name of 255 bytes and a path of 4000, at six characters of JSON each
END = {"do": "end"}


@blueprint.record_once
def _init_app(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.uploads"] = {"tickets": Tickets(), "slots": Slots()}


def _tickets() -> Tickets:
    return cast(Tickets, current_app.extensions["dvm.uploads"]["tickets"])


def _slots() -> Slots:
    return cast(Slots, current_app.extensions["dvm.uploads"]["slots"])


@blueprint.post("/vms/<vm>/upload/ticket")
def ticket(vm: str) -> Response:
    """A ticket for one file, and the folder it will probably be saved in. JSON, also for errors."""
    try:
        found = find_vm(vm)
        trouble, _ = trouble_of(found)
        if trouble or found.config is None:
            raise NotNow(trouble, "Then upload the file again.")
        if error := refusal("upload", context.vms().standing(vm, found.instance)):
            raise NotNow(error.what, error.todo)
    except DvmError as error:
        return as_json(error)
    session = context.session()
    text = _tickets().issue(session.key if session else "", vm, vm)
    socket = f"{request.script_root}/vms/{vm}/upload/socket"
    return jsonify({"ticket": text, "socket": socket, "folder": found.config.code_dir})


def _admit(vm: str) -> None:
    """Check the ticket, before the upgrade. The guard has checked Host, Origin and session."""
    session = context.session()
    if _tickets().take(request.args.get("ticket", ""), session.key if session else "", checked(vm)) is None:
        raise NotFound("This ticket is not valid for this upload.", "Reload the page.")


@socket_route(blueprint, "/vms/<vm>/upload/socket", _admit)
def received(ws: Any, vm: str) -> None:
    """Carry one file into the guest and send the result."""
    try:
        wanted = announced(ws.receive(HELLO_SECONDS))
        with _slots().slot(vm), last_use.session(context.vms().paths, vm):
            arrived = _carry(ws, vm, wanted)
    except DvmError as error:
        ws.send(json.dumps({"is": "error", "what": error.what, "todo": error.todo}))
        return
    check_soon(vm)  # the file may be unsaved work
    ws.send(json.dumps({"is": "done", "name": arrived.name, "folder": arrived.folder}))


def announced(message: bytes | str | None) -> Wanted:
    """Read the browser's first message: name and size of the file, the folder if not the code folder.

    Raises UsageError.
    """
    hello: dict[str, Any] = {}
    if isinstance(message, str) and len(message) <= LONGEST_HELLO:
        with suppress(wire.WireError):
            hello = wire.parse_control(message)
    name, size, folder = hello.get("name"), hello.get("size"), hello.get("folder", "")
    if not isinstance(name, str) or type(size) is not int or not isinstance(folder, str):
        raise UsageError("The browser did not send a file name and size.", "Reload the page.")
    return Wanted(name, size, folder)


def _to_guest(upload: Upload, message: bytes | str) -> None:
    """Send a browser's message to the guest. Raises BadMessage."""
    with suppress(UploadEnded):
        if isinstance(message, bytes):
            upload.send(message)
        elif _is_end(message):
            upload.finish()
        else:
            raise BadMessage


def _is_end(message: str) -> bool:
    with suppress(wire.WireError):
        return wire.parse_control(message) == END
    return False


def _carry(ws: Any, vm: str, wanted: Wanted) -> Arrived:
    def acknowledge(at: int) -> None:
        try:
            ws.send(json.dumps({"is": "ack", "at": at}))
        except (ConnectionClosed, LocalProtocolError, OSError):
            upload.cancel()

    upload = Upload(context.vms(), vm, wanted, acknowledge)
    inbox = forward_input(ws, partial(_to_guest, upload), upload.cancel)
    try:
        return upload.run()
    finally:
        if inbox.is_refused:
            close(ws, POLICY, "invalid message")
