"""Files that are dropped on a terminal: a one-use ticket, and the socket that carries a file into its VM."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState
from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from dvmweb.errors import DvmError, NotFound, NotNow, UsageError
from dvmweb.terminals import wire
from dvmweb.uploads import Arrived, Places, Upload, UploadEnded, Wanted
from dvmweb.web import house
from dvmweb.web.finding import checked, find_vm
from dvmweb.web.problems import as_json
from dvmweb.web.sockets import POLICY, close, socket_route
from dvmweb.web.terminal_pages import look_soon
from dvmweb.web.terminals_pages import trouble_of
from dvmweb.web.tickets import Tickets

blueprint = Blueprint("upload_pages", __name__)
HELLO_SECONDS = 10
LONGEST_HELLO = 4096  # characters: a name of 255 bytes, each as six characters of JSON
END = {"do": "end"}


@blueprint.record_once
def _furnish(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.uploads"] = {"tickets": Tickets(), "places": Places()}


def _tickets() -> Tickets:
    return cast(Tickets, current_app.extensions["dvm.uploads"]["tickets"])


def _places() -> Places:
    return cast(Places, current_app.extensions["dvm.uploads"]["places"])


@blueprint.post("/vms/<vm>/upload/ticket")
def ticket(vm: str) -> Response:
    """A ticket for one file, and the folder that it will probably lie in; as JSON, errors too."""
    try:
        found = find_vm(vm)
        trouble, _ = trouble_of(found)
        if trouble or found.config is None:
            raise NotNow(trouble, "Then send the file again.")
    except DvmError as error:
        return as_json(error)
    session = house.session()
    text = _tickets().issue(session.key if session else "", vm, vm)
    socket = f"{request.script_root}/vms/{vm}/upload/socket"
    return jsonify({"ticket": text, "socket": socket, "folder": found.config.code_dir})


def _admit(vm: str) -> None:
    """Before the upgrade: the ticket. The guard has seen Host, Origin and session."""
    session = house.session()
    if _tickets().take(request.args.get("ticket", ""), session.key if session else "", checked(vm)) is None:
        raise NotFound("This ticket does not open this upload.", "Load the page again.")


@socket_route(blueprint, "/vms/<vm>/upload/socket", _admit)
def received(ws: Any, vm: str) -> None:
    """Carry one file into the guest and tell how it ended."""
    try:
        wanted = announced(ws.receive(HELLO_SECONDS))
        with _places().place(vm):
            arrived = _carry(ws, vm, wanted)
    except DvmError as error:
        ws.send(json.dumps({"is": "error", "what": error.what, "todo": error.todo}))
        return
    look_soon(vm)  # the work that was looked at last may be more by now
    ws.send(json.dumps({"is": "done", "name": arrived.name, "folder": arrived.folder}))


def announced(message: bytes | str | None) -> Wanted:
    """The first message of a browser: the name and the size of its file. Raises UsageError."""
    said: dict[str, Any] = {}
    if isinstance(message, str) and len(message) <= LONGEST_HELLO:
        with suppress(wire.WireError):
            said = wire.parse_control(message)
    name, size = said.get("name"), said.get("size")
    if not isinstance(name, str) or type(size) is not int:
        raise UsageError("The browser did not say which file it sends.", "Load the page again.")
    return Wanted(name, size)


class _Inbox(list[Any]):
    """Takes the place of the library's list of messages: each goes on to the guest at once, from the reader's thread.

    So nothing is kept here, and a guest that is slow makes the browser wait.
    """

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self._upload = upload
        self.is_refused = False

    def append(self, message: Any) -> None:
        """Hand a message on; what no browser of ours sends ends the upload."""
        with suppress(UploadEnded):
            if isinstance(message, bytes):
                self._upload.send(message)
            elif _is_end(message):
                self._upload.finish()
            else:
                self.is_refused = True
                self._upload.cancel()


def _is_end(message: str) -> bool:
    with suppress(wire.WireError):
        return wire.parse_control(message) == END
    return False


class _Bell(threading.Event):
    """Takes the place of the library's event: a socket that ends also ends the upload."""

    def __init__(self, ws: Any, upload: Upload) -> None:
        super().__init__()
        self._ws, self._upload = ws, upload

    def set(self) -> None:
        """Called by the library for each message, and by `sockets` at the end, whatever ended it."""
        super().set()
        if not self._ws.connected:
            self._upload.cancel()


def _carry(ws: Any, vm: str, wanted: Wanted) -> Arrived:
    def tell(at: int) -> None:
        try:
            ws.send(json.dumps({"is": "ack", "at": at}))
        except (ConnectionClosed, LocalProtocolError, OSError):
            upload.cancel()

    upload = Upload(house.vms(), vm, wanted, tell)
    ws.event = bell = _Bell(ws, upload)
    early, ws.input_buffer = ws.input_buffer, (inbox := _Inbox(upload))
    for message in early:  # before it was asked for: refused
        inbox.append(message)
    bell.set()  # it may have ended meanwhile
    try:
        return upload.run()
    finally:
        if inbox.is_refused:
            close(ws, POLICY, "not understood")
