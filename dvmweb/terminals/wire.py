"""The versioned protocol between the keeper and its clients: frames over a Unix socket."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from dvmweb.errors import DvmError

VERSION = 2
VERSIONS = (1, 2)  # supported here; old versions stay while old keepers may still run
CLIENT_ID = "typist"  # the field of `attach`; keepers of version 2 know it by this name
CONTROL, DATA = b"J", b"D"  # JSON control messages; bytes of the terminal, in both directions
HEADER = struct.Struct("!cI")  # kind, length of the body
LONGEST_CONTROL = 16_384  # bytes of a client's control message
LONGEST_ANSWER = 1 << 20  # bytes of a control message of the keeper: a list of all terminals
LONGEST_DATA = 65_536  # bytes of a data frame

Message = bytes | dict[str, Any]  # bytes of the terminal, or a control message


class WireError(DvmError):
    """The peer does not follow the protocol."""


def control(message: Mapping[str, Any]) -> bytes:
    """A control frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(CONTROL, len(body)) + body


def data(payload: bytes) -> bytes:
    """As many data frames as `payload` needs."""
    pieces = (payload[at : at + LONGEST_DATA] for at in range(0, len(payload), LONGEST_DATA))
    return b"".join(HEADER.pack(DATA, len(piece)) + piece for piece in pieces)


def data_header(length: int) -> bytes:
    """The header of a data frame; the caller sends its bytes."""
    return HEADER.pack(DATA, length)


def parse_control(body: bytes | str, longest: int = LONGEST_CONTROL) -> dict[str, Any]:
    """Parse a control message. Raises WireError for anything but one small JSON object."""
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
    """Splits a stream of bytes into messages. Holds at most one incomplete frame."""

    def __init__(self, longest_control: int = LONGEST_CONTROL) -> None:
        self._pending = bytearray()
        self._longest_control = longest_control

    def feed(self, received: bytes | memoryview) -> Iterator[Message]:
        """The complete messages so far; unknown kinds are skipped. Raises WireError for an invalid frame."""
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
