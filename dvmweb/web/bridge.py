"""Carry bytes between a WebSocket and a terminal of the keeper: binary both ways as it is, control as JSON text."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from dvmweb.terminals import wire
from dvmweb.terminals.connection import Connection, KeeperGone
from dvmweb.web.sockets import POLICY, close

LONGEST_CONTROL = 1024  # bytes of a control message of a browser
ENDED, LAGGED, KEEPER_GONE = 1000, 4408, 4410
# What a browser may say, and which fields of it go on: it can neither open nor attach nor close through a socket.
FIELDS: dict[str, tuple[str, ...]] = {"ack": ("at",), "resize": ("cols", "rows"), "away": (), "pong": ()}


class BadMessage(Exception):
    """A browser of ours would not send this."""


def inbound(message: bytes | str) -> wire.Message:
    """What a message of the browser means for the keeper. Raises BadMessage."""
    if isinstance(message, bytes):
        return message
    if len(message) > LONGEST_CONTROL:
        raise BadMessage
    try:
        said = wire.parse_control(message)
    except wire.WireError as error:
        raise BadMessage from error
    fields = FIELDS.get(said["do"]) if isinstance(said.get("do"), str) else None
    if fields is None:
        raise BadMessage
    return {"do": said["do"], **{name: said[name] for name in fields if isinstance(said.get(name), int)}}


class Inbox(list[Any]):
    """Takes the place of the library's list of messages: each goes on to the keeper at once, from the reader's thread.

    So a keystroke waits for no other thread, nothing is kept, and a keeper that is slow makes the browser wait.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.is_refused = False

    def append(self, message: Any) -> None:
        """Hand a message on; one that no browser of ours sends ends the conversation."""
        if self.is_refused:
            return
        try:
            meant = inbound(message)
            if isinstance(meant, bytes):
                self._connection.send(meant)
            else:
                self._connection.control(**meant)
        except BadMessage:
            self.is_refused = True
            self._connection.shut()  # `carry` sees the end and closes the socket: only one thread may do that
        except KeeperGone:
            pass  # its last words may still be on the way: `carry` reads them, and sees the end


class Bell(threading.Event):
    """Takes the place of the library's event: a socket that ends also ends the conversation with the keeper."""

    def __init__(self, ws: Any, connection: Connection) -> None:
        super().__init__()
        self._ws, self._connection = ws, connection

    def set(self) -> None:
        """Called by the library for each message, and by `sockets` at the end, whatever ended it."""
        super().set()
        if not self._ws.connected:
            self._connection.shut()


def carry(ws: Any, connection: Connection) -> bool:
    """Carry bytes both ways until one side ends; True when the terminal itself has ended.

    The socket is closed with the code that says why. Raises OSError when the browser takes nothing any more.
    """
    ws.event = Bell(ws, connection)
    early, ws.input_buffer = ws.input_buffer, (inbox := Inbox(connection))
    for message in early:
        inbox.append(message)
    has_ended = False
    with suppress(ConnectionClosed, LocalProtocolError):
        ws.send(json.dumps(connection.attached))
        has_ended = _pump(ws, connection)
    if inbox.is_refused:
        close(ws, POLICY, "not understood")
    close(ws, KEEPER_GONE, "the keeper has gone")  # does nothing to a socket that is closed
    return has_ended


def _pump(ws: Any, connection: Connection) -> bool:
    """Keeper to browser, until one side ends; True when it was the terminal."""
    with suppress(KeeperGone):
        while ws.connected:
            message = connection.receive()
            if isinstance(message, bytes):
                ws.send(message)
            elif message is not None and _tell(ws, message):
                return bool(message["is"] == "exit")
    return False


def _tell(ws: Any, message: dict[str, Any]) -> bool:
    """Pass a control message of the keeper on; True when it was the last."""
    ws.send(json.dumps(message))
    kind = message.get("is")
    if kind == "exit":
        close(ws, ENDED, "the terminal has ended")
    elif kind == "dropped":
        close(ws, LAGGED, "too slow")
    return kind in ("exit", "dropped")
