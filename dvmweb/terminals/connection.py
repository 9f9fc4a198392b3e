"""One connection to the keeper: requests with their responses, then the bytes of one terminal."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from typing import Any

from dvmweb import errors
from dvmweb.errors import DvmError
from dvmweb.terminals import wire

PATIENCE = 10.0  # seconds for the keeper to respond; it never blocks itself
CHUNK = 131_072


class KeeperGone(DvmError):
    """The keeper ended during a connection."""


class KeeperSilent(KeeperGone):
    """The keeper is running but does not respond."""


class Connection:
    """A connection to the keeper. After `attach` it carries the bytes of one terminal. The caller closes it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._decoder = wire.Decoder(wire.LONGEST_ANSWER)
        self._messages: deque[wire.Message] = deque()
        self.version = 0  # of the protocol, agreed with the keeper
        self.attached: dict[str, Any] = {}  # the response to `attach`: from, replay, reset, cut, cols, rows

    def fileno(self) -> int:
        """The file descriptor, for `select`."""
        return self._socket.fileno()

    @property
    def has_more(self) -> bool:
        """Is there a message that `receive` has not returned yet?"""
        return bool(self._messages)

    def receive(self, timeout: float | None = None) -> wire.Message | None:
        """The next message: bytes of the terminal, or a dict. None after `timeout` seconds.

        Raises KeeperGone at the end.
        """
        while not self._messages:
            self._socket.settimeout(timeout)
            try:
                received = self._socket.recv(CHUNK)
            except TimeoutError:
                return None
            except OSError as error:
                raise KeeperGone("The terminal keeper has stopped.", "Open the terminal again.") from error
            if not received:
                raise KeeperGone("The terminal keeper has stopped.", "Open the terminal again.")
            self._messages.extend(self._decoder.feed(received))
        return self._messages.popleft()

    def send(self, data: bytes) -> None:
        """Send input to the terminal. Raises KeeperGone."""
        self._send(wire.data(data))

    def control(self, **message: Any) -> None:
        """Send a control message such as do="ack", at=OFFSET or do="resize", cols=C, rows=R. Raises KeeperGone."""
        self._send(wire.control(message))

    def request(self, patience: float = PATIENCE, /, **message: Any) -> dict[str, Any]:
        """Send a request and return the response. Raises the keeper's error, or KeeperGone after `patience` seconds."""
        self.control(**message)
        answer = self.receive(patience)
        if not isinstance(answer, dict):
            raise KeeperSilent("The terminal keeper does not respond.", "Open the terminal again.")
        if answer.get("is") == "error":
            kind = getattr(errors, str(answer.get("kind")), DvmError)
            is_ours = isinstance(kind, type) and issubclass(kind, DvmError)
            raise (kind if is_ours else DvmError)(str(answer.get("what")), str(answer.get("todo") or ""))
        return answer

    def _send(self, frames: bytes) -> None:
        try:
            self._socket.sendall(frames)
        except OSError as error:
            raise KeeperGone("The terminal keeper has stopped.", "Open the terminal again.") from error

    def shut(self) -> None:
        """End the connection from another thread: a waiting `receive` raises KeeperGone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
