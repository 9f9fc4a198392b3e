"""Registers WebSocket handlers: checked before the upgrade, tracked while open, closed cleanly."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import flask_sock
from flask import Blueprint, Response, request
from simple_websocket import ConnectionClosed
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError

from dvmweb.web.server.websockets import CLOSE_SECONDS, FAILED, WRITER, OneWriter, close
from dvmweb.web.ui import context

log = logging.getLogger(__name__)


class _Checked:
    """A layer between flask-sock and a blueprint: checks before the upgrade, so that a refusal is a plain response."""

    def __init__(self, blueprint: Blueprint, check: Callable[..., None] | None) -> None:
        self._blueprint, self._check = blueprint, check

    def route(self, path: str, **settings: Any) -> Callable[[Callable[..., Response]], None]:
        """Register a view; called by flask-sock."""

        def register(view: Callable[..., Response]) -> None:
            @wraps(view)
            def checked(**arguments: Any) -> Response:
                if self._check:
                    self._check(**arguments)
                with context.sockets().place():
                    environ = request.environ
                    # No compression: a small message must not expand to a huge one, and a terminal must be fast.
                    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
                    environ["werkzeug.socket"] = environ[WRITER] = OneWriter(environ["werkzeug.socket"])
                    return view(**arguments)

            self._blueprint.route(path, **settings)(checked)

        return register


def socket_route(
    blueprint: Blueprint, path: str, check: Callable[..., None] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register `handler(ws, **arguments)` for a WebSocket at `path`; use it instead of flask-sock's decorator.

    `check(**arguments)` runs before the upgrade and raises a DvmError to refuse it. `ws` has send(bytes or str, from
    any thread), receive(timeout) and close(code, reason). When the handler returns or fails, the socket is closed.
    """

    def register(handler: Callable[..., None]) -> Callable[..., None]:
        @wraps(handler)
        def run(ws: Any, **arguments: Any) -> None:
            session = context.session()
            writer: OneWriter = request.environ[WRITER]
            with context.sockets().entered(session.key if session else "", ws):
                try:
                    handler(ws, **arguments)
                except (ConnectionClosed, LocalProtocolError, OSError):
                    pass  # the client disconnected, or was disconnected
                except Exception as error:  # its text can come from a guest: only its type is logged
                    log.error("a WebSocket handler failed: %s", type(error).__name__)
                    close(ws, FAILED, "internal error")
                finally:
                    _end(ws, writer)

        flask_sock.Sock().route(path, bp=_Checked(blueprint, check))(run)
        return handler

    return register


def _end(ws: Any, writer: OneWriter) -> None:
    """Close frame, then connection, so that the close code arrives and no thread is left."""
    deadline = time.monotonic() + CLOSE_SECONDS
    close(ws, 1000)
    ws.thread.join(CLOSE_SECONDS)  # the thread reads the client's answer or writes ours: wait before writing ends
    with suppress(OSError):
        writer.shutdown(socket.SHUT_WR)
    if ws.ws.state is not ConnectionState.CLOSED:
        writer.drain(deadline - time.monotonic())
    writer.cut()
