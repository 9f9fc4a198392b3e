"""Carries bytes between a WebSocket and a terminal of the keeper: terminal data as binary, control messages as JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any

from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from dvmweb.terminals import wire
from dvmweb.terminals.connection import Connection, KeeperGone
from dvmweb.web.server.websockets import POLICY, close
from dvmweb.web.terminals.forwarding import BadMessage, forward_input

LONGEST_CONTROL = 1024  # bytes of a control message from a browser
ENDED, LAGGED, KEEPER_GONE = 1000, 4408, 4410
# The control messages a browser can send, and the fields that are passed on. It cannot open, attach or close here.
FIELDS: dict[str, tuple[str, ...]] = {"ack": ("at",), "resize": ("cols", "rows"), "away": (), "pong": ()}


def inbound(message: bytes | str) -> wire.Message:
    """Translate a browser's message into one for the keeper. Raises BadMessage."""
    if isinstance(message, bytes):
        return message
    if len(message) > LONGEST_CONTROL:
        raise BadMessage
    try:
        control = wire.parse_control(message)
    except wire.WireError as error:
        raise BadMessage from error
    fields = FIELDS.get(control["do"]) if isinstance(control.get("do"), str) else None
    if fields is None:
        raise BadMessage
    return {"do": control["do"], **{name: control[name] for name in fields if isinstance(control.get(name), int)}}


def _to_keeper(connection: Connection, message: bytes | str) -> None:
    """Send a browser's message to the keeper. Raises BadMessage."""
    translated = inbound(message)
    with suppress(KeeperGone):  # its last output can still arrive: `carry` reads it, and then ends
        if isinstance(translated, bytes):
            connection.send(translated)
        else:
            connection.control(**translated)


def carry(ws: Any, connection: Connection) -> bool:
    """Carry bytes both ways until one side ends. Return whether the terminal itself has ended.

    The socket is closed with a code that gives the reason. Raises OSError when the browser stops reading.
    """
    # After an invalid message only the connection is shut; `carry` closes the socket, as only one thread may do that.
    inbox = forward_input(ws, partial(_to_keeper, connection), connection.shut)
    has_ended = False
    with suppress(ConnectionClosed, LocalProtocolError):
        ws.send(json.dumps(connection.attached))
        has_ended = _pump(ws, connection)
    if inbox.is_refused:
        close(ws, POLICY, "invalid message")
    close(ws, KEEPER_GONE, "the terminal keeper has stopped")  # does nothing where the socket is already closed
    return has_ended


def _pump(ws: Any, connection: Connection) -> bool:
    """Forward from keeper to browser until one side ends. Return whether the terminal has ended."""
    with suppress(KeeperGone):
        while ws.connected:
            message = connection.receive()
            if isinstance(message, bytes):
                ws.send(message)
            elif message is not None and _forward_control(ws, message):
                return bool(message["is"] == "exit")
    return False


def _forward_control(ws: Any, message: dict[str, Any]) -> bool:
    """Forward a control message of the keeper. Return whether it was the last one."""
    ws.send(json.dumps(message))
    kind = message.get("is")
    if kind == "exit":
        close(ws, ENDED, "the terminal has ended")
    elif kind == "dropped":
        close(ws, LAGGED, "too slow")
    return kind in ("exit", "dropped")
