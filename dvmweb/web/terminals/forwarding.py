"""Forwards the messages of a WebSocket as they arrive, in the thread that reads them, instead of queueing them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class BadMessage(Exception):
    """A message that dvm's own script never sends."""


class Inbox(list[Any]):
    """Replaces the library's list of messages: `forward` is called with each at once.

    A keystroke waits for no other thread, nothing is queued, and a slow receiver slows the browser down.
    """

    def __init__(self, forward: Callable[[bytes | str], None], end: Callable[[], None]) -> None:
        super().__init__()
        self._forward, self._end = forward, end
        self.is_refused = False  # a message was invalid; the handler then closes the socket

    def append(self, message: Any) -> None:
        """Forward a message. After an invalid one, call `end` and ignore all later ones."""
        if self.is_refused:
            return
        try:
            self._forward(message)
        except BadMessage:
            self.is_refused = True
            self._end()


class EndEvent(threading.Event):
    """Replaces the library's event: calls `end` when the socket has ended."""

    def __init__(self, ws: Any, end: Callable[[], None]) -> None:
        super().__init__()
        self._ws, self._end = ws, end

    def set(self) -> None:
        """Called by the library for each message, and by `websockets.close` at the end."""
        super().set()
        if not self._ws.connected:
            self._end()


def forward_input(ws: Any, forward: Callable[[bytes | str], None], end: Callable[[], None]) -> Inbox:
    """Forward the messages of a socket from now on, with those that have arrived already.

    `forward` raises BadMessage for an invalid message. `end` is called after one, and when the socket has ended.
    """
    ws.event = event = EndEvent(ws, end)
    early, ws.input_buffer = ws.input_buffer, (inbox := Inbox(forward, end))
    for message in early:
        inbox.append(message)
    event.set()  # the socket can have ended before its event was replaced
    return inbox
