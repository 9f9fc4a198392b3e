"""One client of the keeper: its socket, what it still has to get, and what it has acknowledged."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from dvmweb.terminals import wire
from dvmweb.terminals.flow import Flow, Size
from dvmweb.terminals.modes import Modes
from dvmweb.terminals.ring import Ring

LONGEST_QUEUE = 1 << 20  # bytes; whoever lets more wait reads no longer
CHUNK = 65_536


class PeerLost(Exception):
    """The client has gone, or does not read."""


class Peer:
    """A connection that never blocks. Once it looks at a terminal it has a flow and, if it is seen, a size."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.version = 0  # 0 until both have said hello
        self.terminal_id = ""
        self.flow = Flow(0, 0, 0.0, 0.0)
        self.size: Size | None = None
        self.was_told = False  # that its terminal has ended
        self.typist = ""  # whose input it is, also after a line that broke
        self.is_replaced = False  # its typist is back on another line: what comes late here must not be typed
        self.asked_at = 0.0  # monotonic seconds of the last ping
        self._decoder = wire.Decoder()
        self._out = bytearray()
        self._is_full = False

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out) or self._is_full

    def receive(self) -> Iterator[wire.Message]:
        """The messages that have come. Raises PeerLost at the end, WireError for what is no message."""
        with suppress(BlockingIOError):
            try:
                received = self.socket.recv(CHUNK)
            except BlockingIOError:
                raise
            except OSError as error:
                raise PeerLost from error
            if not received:
                raise PeerLost
            yield from self._decoder.feed(received)

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a control message, behind what waits. Raises PeerLost."""
        self._out += wire.control(message)
        self.flush()
        if len(self._out) > LONGEST_QUEUE:
            raise PeerLost

    def flush(self) -> None:
        """Send what waits, as far as it goes. Raises PeerLost."""
        self._is_full = False
        while self._out:
            sent = self._send([memoryview(self._out[:CHUNK])])
            if not sent:
                return
            del self._out[:sent]

    def send_output(self, ring: Ring, modes: Modes, now: float) -> bool:
        """Send of the terminal's bytes what the window allows; where they are gone, say so and go on after the gap.

        Says whether there was a gap. Raises PeerLost.
        """
        flow, has_gap = self.flow, False
        while not self.wants_to_write:
            if flow.sent < ring.start:
                flow.jump(ring.line_start(ring.start), now)
                self.say({"is": "skipped", "from": flow.sent, "modes": modes.lost(flow.sent)})
                has_gap = True
                continue
            count = min(ring.end - flow.sent, flow.room, wire.LONGEST_DATA)
            if count <= 0:
                break
            pieces = [memoryview(wire.data_header(count)), *ring.views(flow.sent, count)]
            sent = self._send(pieces)
            if sent == 0:
                break
            flow.note_sent(count, now)
            if sent < wire.HEADER.size + count:  # its rest must follow, even if the ring has gone on by then
                self._out += b"".join(pieces)[sent:]
        return has_gap

    def _send(self, pieces: list[memoryview]) -> int:
        try:
            sent = self.socket.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise PeerLost from error
        self._is_full = sent == 0
        return sent

    def hang_up(self) -> None:
        """End the conversation; the keeper sees the end and closes."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.socket.close()
