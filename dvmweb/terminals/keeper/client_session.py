"""One client of the keeper: its socket, its unsent messages and its flow control."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from dvmweb.terminals import wire
from dvmweb.terminals.keeper.flow import Flow, Size
from dvmweb.terminals.keeper.replay_buffer import ReplayBuffer
from dvmweb.terminals.keeper.screen_modes import ScreenModes

LONGEST_QUEUE = 1 << 20  # bytes; a client with more unsent bytes is not reading
CHUNK = 65_536


class ClientLost(Exception):
    """The client has disconnected or does not read."""


class ClientSession:
    """A non-blocking connection. Once attached it has flow control and, while its window is visible, a size."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.version = 0  # of the protocol; 0 before the hello
        self.terminal_id = ""
        self.flow = Flow(0, 0, 0.0, 0.0)
        self.size: Size | None = None
        self.has_exit_message = False  # it was sent how its terminal ended
        self.client_id = ""  # stays the same when a window reconnects
        self.is_replaced = False  # its window has reconnected: late input from this connection is dropped
        self.pinged_at = 0.0  # monotonic seconds
        self._decoder = wire.Decoder()
        self._out = bytearray()
        self._is_full = False

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out) or self._is_full

    def receive(self) -> Iterator[wire.Message]:
        """The messages received so far. Raises ClientLost at the end, WireError for an invalid message."""
        with suppress(BlockingIOError):
            try:
                received = self.socket.recv(CHUNK)
            except BlockingIOError:
                raise
            except OSError as error:
                raise ClientLost from error
            if not received:
                raise ClientLost
            yield from self._decoder.feed(received)

    def send_control(self, message: Mapping[str, Any]) -> None:
        """Send a control message after the unsent bytes. Raises ClientLost."""
        self._out += wire.control(message)
        self.flush()
        if len(self._out) > LONGEST_QUEUE:
            raise ClientLost

    def flush(self) -> None:
        """Send as many of the unsent bytes as possible. Raises ClientLost."""
        self._is_full = False
        while self._out:
            sent = self._send([memoryview(self._out[:CHUNK])])
            if not sent:
                return
            del self._out[:sent]

    def send_output(self, buffer: ReplayBuffer, modes: ScreenModes, now: float) -> bool:
        """Send the terminal's bytes within the flow-control window; bytes no longer in the buffer are skipped.

        Returns whether bytes were skipped; the client is informed. Raises ClientLost.
        """
        flow, has_gap = self.flow, False
        while not self.wants_to_write:
            if flow.sent < buffer.start:
                flow.jump(buffer.line_start(buffer.start), now)
                self.send_control({"is": "skipped", "from": flow.sent, "modes": modes.lost(flow.sent)})
                has_gap = True
                continue
            count = min(buffer.end - flow.sent, flow.room, wire.LONGEST_DATA)
            if count <= 0:
                break
            pieces = [memoryview(wire.data_header(count)), *buffer.views(flow.sent, count)]
            sent = self._send(pieces)
            if sent == 0:
                break
            flow.note_sent(count, now)
            if sent < wire.HEADER.size + count:  # the rest must follow, even if the buffer drops it meanwhile
                self._out += b"".join(pieces)[sent:]
        return has_gap

    def _send(self, pieces: list[memoryview]) -> int:
        try:
            sent = self.socket.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise ClientLost from error
        self._is_full = sent == 0
        return sent

    def hang_up(self) -> None:
        """Shut the connection down; the keeper then sees its end and closes it."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.socket.close()
