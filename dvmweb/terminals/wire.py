"""The language between the keeper and its clients: frames over a Unix socket, with a version."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from dvmweb.errors import DvmError

VERSION = 2
VERSIONS = (1, 2)  # what this code can speak; a new dashboard keeps the old ones while old keepers may live
CONTROL, DATA = b"J", b"D"  # JSON about the terminal; bytes of the terminal, both ways
HEADER = struct.Struct("!cI")  # kind, length of what follows
LONGEST_CONTROL = 16_384  # bytes of what a client says
LONGEST_ANSWER = 1 << 20  # bytes of what the keeper says: a list of all terminals
LONGEST_DATA = 65_536  # bytes; a frame of the keeper is never longer either

Message = bytes | dict[str, Any]  # bytes of the terminal, or a control message


class WireError(DvmError):
    """The other side does not speak our language."""


def control(message: Mapping[str, Any]) -> bytes:
    """A control frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(CONTROL, len(body)) + body


def data(payload: bytes) -> bytes:
    """Data frames that carry `payload`, as many as it needs."""
    pieces = (payload[at : at + LONGEST_DATA] for at in range(0, len(payload), LONGEST_DATA))
    return b"".join(HEADER.pack(DATA, len(piece)) + piece for piece in pieces)


def data_header(length: int) -> bytes:
    """The head of one data frame whose bytes are sent from elsewhere."""
    return HEADER.pack(DATA, length)


def parse_control(body: bytes | str, longest: int = LONGEST_CONTROL) -> dict[str, Any]:
    """A control message. Raises WireError for anything but one small JSON object."""
    if len(body) > longest:
        raise WireError("A control message is too long.")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError("A control message is not JSON.") from error
    if not isinstance(message, dict):
        raise WireError("A control message is not an object.")
    return message


class Decoder:
    """Cuts a stream of bytes into messages. It holds at most one frame that has not come whole yet."""

    def __init__(self, longest_control: int = LONGEST_CONTROL) -> None:
        self._pending = bytearray()
        self._longest_control = longest_control

    def feed(self, received: bytes | memoryview) -> Iterator[Message]:
        """The messages that are whole by now; of an unknown kind: left out. Raises WireError for a bad frame."""
        self._pending += received
        while len(self._pending) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._pending)
            if length > (self._longest_control if kind == CONTROL else LONGEST_DATA):
                raise WireError("A frame is too long.")
            if len(self._pending) < HEADER.size + length:
                return
            body = bytes(memoryview(self._pending)[HEADER.size : HEADER.size + length])
            del self._pending[: HEADER.size + length]
            if kind == DATA:
                yield body
            elif kind == CONTROL:
                yield parse_control(body, self._longest_control)
