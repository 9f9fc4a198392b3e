"""The keeper: one thread that owns every pty, reads them by turns, and speaks with clients over a Unix socket."""

from __future__ import annotations

import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from dvmweb.terminals import flow, wire
from dvmweb.terminals.peer import Peer, PeerLost
from dvmweb.terminals.requests import BootOf, Requests, Start
from dvmweb.terminals.terminal import BULK, GATHER, Terminal

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
TICK = 1.0  # seconds between two looks at timeouts
MOST_PEERS = 512
LAST_WORDS = 16  # reads from a client that has gone


@dataclass(frozen=True)
class Waits:
    """How long the keeper waits for what, in seconds."""

    first_terminal: float = 30.0
    linger: float = 60.0  # a terminal that ended while nobody looked


class Keeper:
    """The loop. `serve` returns when there is nothing left to keep."""

    def __init__(self, listener: socket.socket, start: Start, boot_of: BootOf, waits: Waits = Waits()) -> None:
        self._listener = listener
        self._waits = waits
        self._requests = Requests(start, boot_of)
        self._boot_of = boot_of
        self._peers: set[Peer] = set()
        self._selector = selectors.DefaultSelector()
        self._interest: dict[int, int] = {}
        self._began_at = time.monotonic()
        self._next_tick = 0.0
        self._soon = 0.0
        self._touched: dict[str, Terminal] = {}  # what may have changed in this round: with 100 open, few do
        self._must_end = False

    def serve(self) -> None:
        """Keep terminals until the last has ended, or until SIGTERM. To be called in the main thread."""
        alarm, bell = socket.socketpair()
        self._listen_to_signals(bell)
        self._listener.setblocking(False)
        alarm.setblocking(False)
        self._watch(self._listener.fileno(), READ, self._accept)
        self._watch(alarm.fileno(), READ, partial(self._on_signal, alarm))
        try:
            while self._goes_on():
                for key, events in self._selector.select(self._patience()):
                    if self._interest.get(key.fd):  # an earlier one of this round may have closed it
                        key.data(events)
                self._settle(time.monotonic())
        finally:
            self._end_all()
            signal.set_wakeup_fd(-1)
            alarm.close()
            bell.close()

    def _listen_to_signals(self, bell: socket.socket) -> None:
        bell.setblocking(False)
        signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # not SIG_IGN, which the shells would inherit

    def _stop(self, *_: object) -> None:
        self._must_end = True

    def _goes_on(self) -> bool:
        if self._must_end or self._requests.has_opened:
            return bool(self._requests.terminals) and not self._must_end
        return time.monotonic() - self._began_at < self._waits.first_terminal

    def _patience(self) -> float:
        return self._soon or max(0.0, min(TICK, self._next_tick - time.monotonic()))

    def _watch(self, descriptor: int, events: int, callback: Callable[[int], None]) -> None:
        """Be called for these events of a descriptor; with 0 for none. Costs nothing where nothing changes."""
        known = self._interest.get(descriptor, 0)
        if events == known:
            return
        self._interest[descriptor] = events
        if not events:
            self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, events, callback)
        else:
            self._selector.register(descriptor, events, callback)

    # -- what happens ------------------------------------------------------------------------------------------------

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor left
            return
        if len(self._peers) >= MOST_PEERS:
            connection.close()
            return
        peer = Peer(connection)
        self._peers.add(peer)
        self._watch_peer(peer)

    def _watch_peer(self, peer: Peer) -> None:
        events = READ | (WRITE if peer.wants_to_write else 0)
        self._watch(peer.socket.fileno(), events, partial(self._on_peer, peer))

    def _on_signal(self, alarm: socket.socket, _events: int) -> None:
        with suppress(BlockingIOError):
            alarm.recv(4096)
        for terminal in tuple(self._requests.terminals.values()):
            self._look_at_child(terminal, time.monotonic())

    def _look_at_child(self, terminal: Terminal, now: float) -> None:
        """Has its program ended?"""
        if terminal.code is None:
            terminal.code = terminal.child.ended()
        if terminal.code is not None and not terminal.finished_at:
            self._on_pty(terminal, READ, now)

    def _on_peer(self, peer: Peer, events: int) -> None:
        try:
            if events & WRITE:
                peer.flush()
            if events & READ:
                for message in peer.receive():
                    self._requests.handle(peer, message)
        except (PeerLost, wire.WireError):
            self._drop(peer)
            return
        except Exception as error:  # a fault in one conversation must not end the shells of all others
            sys.stderr.write(f"a conversation failed: {type(error).__name__}\n")
            self._drop(peer)
            return
        terminal = self._requests.of(peer)
        if terminal is not None and peer in terminal.viewers:
            self._touched[terminal.id] = terminal
            self._serve(terminal, peer, time.monotonic())
        else:
            self._watch_peer(peer)

    def _on_pty(self, terminal: Terminal, events: int, now: float = 0.0) -> None:
        now, before = now or time.monotonic(), terminal.ring.end
        self._touched[terminal.id] = terminal
        if events & WRITE:
            terminal.child.write_waiting()
        if events & READ and terminal.child.descriptor >= 0 and terminal.read(now):
            self._watch(terminal.child.descriptor, 0, self._accept)
            terminal.close_pty(now)
            terminal.code = terminal.child.ended() if terminal.code is None else terminal.code
        if terminal.code is not None and terminal.child.descriptor < 0:
            terminal.finish(now)
        if not terminal.holds(terminal.ring.end - before, now):
            self._serve_all(terminal, now)

    def _serve_all(self, terminal: Terminal, now: float) -> None:
        for peer in tuple(terminal.viewers):
            self._serve(terminal, peer, now)

    def _serve(self, terminal: Terminal, peer: Peer, now: float) -> None:
        try:
            is_done = terminal.serve(peer, now)
        except PeerLost:
            is_done = True
            self._take_last_words(peer)
        if is_done:
            self._drop(peer)
        else:
            self._watch_peer(peer)

    def _take_last_words(self, peer: Peer) -> None:
        """What a client typed before it went may not have been read yet."""
        with suppress(PeerLost, wire.WireError):
            for _ in range(LAST_WORDS):
                for message in peer.receive():
                    if isinstance(message, bytes):
                        self._requests.handle(peer, message)

    def _tell(self, peer: Peer, message: dict[str, object]) -> None:
        try:
            peer.say(message)
        except PeerLost:
            self._drop(peer)
        else:
            self._watch_peer(peer)

    def _drop(self, peer: Peer) -> None:
        if peer not in self._peers:
            return
        self._peers.discard(peer)
        self._watch(peer.socket.fileno(), 0, self._accept)
        peer.close()
        terminal = self._requests.of(peer)
        if terminal is not None and peer in terminal.viewers:
            self._touched[terminal.id] = terminal
            terminal.viewers.remove(peer)

    # -- after each round --------------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._requests.forget_old_ends()
            self._touched = dict(self._requests.terminals)
            for terminal in tuple(self._touched.values()):
                self._look_at_times(terminal, now)
        self._touched |= {terminal.id: terminal for terminal in self._requests.fresh}
        self._requests.fresh.clear()
        touched, self._touched, self._soon = self._touched, {}, 0.0
        for terminal in touched.values():
            self._settle_flood(terminal, now)
            self._settle_size(terminal, now)
            if terminal.child.descriptor >= 0:
                events = (READ if terminal.wanted else 0) | (WRITE if terminal.child.waiting else 0)
                self._watch(terminal.child.descriptor, events, partial(self._on_pty, terminal))
            elif terminal.is_over(now, self._waits.linger):
                self._requests.terminals.pop(terminal.id, None)

    def _settle_flood(self, terminal: Terminal, now: float) -> None:
        if terminal.is_held:
            if terminal.holds(BULK, now):
                self._again(terminal, GATHER)
            else:
                self._serve_all(terminal, now)

    def _settle_size(self, terminal: Terminal, now: float) -> None:
        before = terminal.size
        if wait := terminal.settle_size(now):
            self._again(terminal, wait)
        if terminal.size != before:
            for peer in tuple(terminal.viewers):
                self._tell(peer, terminal.size_message())

    def _again(self, terminal: Terminal, wait: float) -> None:
        self._soon = min(wait, self._soon or wait)
        self._touched[terminal.id] = terminal

    def _look_at_times(self, terminal: Terminal, now: float) -> None:
        if not terminal.finished_at:
            terminal.look_at_boot(self._boot_of(terminal.vm), now)
        terminal.insist(now)
        if terminal.is_watched:
            terminal.attention.seen_at = now
        self._look_at_child(terminal, now)
        for peer in tuple(terminal.viewers):
            if peer.flow.is_dead(now):
                self._tell(peer, {"is": "dropped"})
                self._drop(peer)
            elif now - max(peer.flow.heard_at, peer.asked_at) > flow.PING:
                peer.asked_at = now
                self._tell(peer, {"is": "ping"})

    def _end_all(self) -> None:
        for terminal in self._requests.terminals.values():
            terminal.child.signal(signal.SIGHUP)
            terminal.child.close()
        for peer in self._peers:
            peer.close()
        self._selector.close()
