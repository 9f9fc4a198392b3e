"""The clients of the keeper: accepts connections, handles their requests, sends output and drops them."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from dvmweb.terminals import wire
from dvmweb.terminals.keeper import flow
from dvmweb.terminals.keeper.client_session import ClientLost, ClientSession
from dvmweb.terminals.keeper.descriptors import READ, WRITE, Descriptors
from dvmweb.terminals.keeper.requests import Requests
from dvmweb.terminals.keeper.terminal import Terminal

MOST_CLIENTS = 512
LAST_READS = 16  # reads from a client that has disconnected


class Clients:
    """All clients. `touch` is called with each terminal that may have changed by a request or a disconnect."""

    def __init__(
        self,
        listener: socket.socket,
        requests: Requests,
        descriptors: Descriptors,
        touch: Callable[[Terminal], None],
    ) -> None:
        self._listener = listener
        self._requests = requests
        self._descriptors = descriptors
        self._touch = touch
        self._clients: set[ClientSession] = set()

    def listen(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._descriptors.watch(self._listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # disconnected already, or no descriptor left
            return
        if len(self._clients) >= MOST_CLIENTS:
            connection.close()
            return
        client = ClientSession(connection)
        self._clients.add(client)
        self._watch(client)

    def _watch(self, client: ClientSession) -> None:
        events = READ | (WRITE if client.wants_to_write else 0)
        self._descriptors.watch(client.socket.fileno(), events, partial(self._on_client, client))

    def _on_client(self, client: ClientSession, events: int) -> None:
        try:
            if events & WRITE:
                client.flush()
            if events & READ:
                for message in client.receive():
                    self._requests.handle(client, message)
        except (ClientLost, wire.WireError):
            self._drop(client)
            return
        except Exception as error:  # a fault in one connection must not end the terminals of all others
            sys.stderr.write(f"a connection failed: {type(error).__name__}\n")
            self._drop(client)
            return
        terminal = self._requests.of(client)
        if terminal is not None and client in terminal.viewers:
            self._touch(terminal)
            self._serve(terminal, client, time.monotonic())
        else:
            self._watch(client)

    def serve(self, terminal: Terminal, now: float) -> None:
        """Send every viewer of a terminal its output, within its flow-control window."""
        for client in tuple(terminal.viewers):
            self._serve(terminal, client, now)

    def _serve(self, terminal: Terminal, client: ClientSession, now: float) -> None:
        try:
            is_done = terminal.serve(client, now)
        except ClientLost:
            is_done = True
            self._read_last_input(client)
        if is_done:
            self._drop(client)
        else:
            self._watch(client)

    def _read_last_input(self, client: ClientSession) -> None:
        """Read the input that a client sent before it disconnected."""
        with suppress(ClientLost, wire.WireError):
            for _ in range(LAST_READS):
                for message in client.receive():
                    if isinstance(message, bytes):
                        self._requests.handle(client, message)

    def broadcast(self, terminal: Terminal, message: dict[str, object]) -> None:
        """Send every viewer of a terminal a control message."""
        for client in tuple(terminal.viewers):
            self._send_control(client, message)

    def _send_control(self, client: ClientSession, message: dict[str, object]) -> None:
        try:
            client.send_control(message)
        except ClientLost:
            self._drop(client)
        else:
            self._watch(client)

    def check_viewers(self, terminal: Terminal, now: float) -> None:
        """Drop viewers that have stopped reading, and ping silent ones."""
        for client in tuple(terminal.viewers):
            if client.flow.is_dead(now):
                self._send_control(client, {"is": "dropped"})
                self._drop(client)
            elif now - max(client.flow.last_message_at, client.pinged_at) > flow.PING:
                client.pinged_at = now
                self._send_control(client, {"is": "ping"})

    def _drop(self, client: ClientSession) -> None:
        if client not in self._clients:
            return
        self._clients.discard(client)
        self._descriptors.forget(client.socket.fileno())
        client.close()
        terminal = self._requests.of(client)
        if terminal is not None and client in terminal.viewers:
            self._touch(terminal)
            terminal.viewers.remove(client)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()
