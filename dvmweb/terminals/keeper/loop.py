"""The keeper's event loop: one thread that reads all ptys in turn and serves the clients in between."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from dvmweb.terminals.keeper import read_budget
from dvmweb.terminals.keeper.clients import Clients
from dvmweb.terminals.keeper.descriptors import READ, WRITE, Descriptors
from dvmweb.terminals.keeper.requests import BootOf, Requests, Start
from dvmweb.terminals.keeper.terminal import BULK, GATHER, LOST, Terminal

TICK = 1.0  # seconds between checks of the timeouts


@dataclass(frozen=True)
class Waits:
    """The keeper's timeouts, in seconds."""

    first_terminal: float = 30.0
    linger: float = 60.0  # that a terminal is kept which ended without a viewer


class Keeper:
    """The loop. `serve` returns when no terminal is left."""

    def __init__(
        self,
        listener: socket.socket,
        start: Start,
        boot_of: BootOf,
        waits: Waits = Waits(),
        note: Callable[[str], None] = lambda _vm: None,
        note_turn: Callable[[str, str, float, float], None] = lambda *_: None,
    ) -> None:
        """`note` is called with the name of a VM that was used, at most once a second.

        `note_turn` is called with VM, agent, begin and end (monotonic seconds) of a turn that has ended.
        """
        self._waits = waits
        self._requests = Requests(start, boot_of)
        self._descriptors = Descriptors()
        self._clients = Clients(listener, self._requests, self._descriptors, self._touch)
        self._boot_of = boot_of
        self._note, self._note_turn = note, note_turn
        self._noted: dict[str, float] = {}  # by VM, the last call of `note`
        self._began_at = time.monotonic()
        self._next_tick = 0.0
        self._soon = 0.0
        self._work = 0  # cost of scanning in this round
        self._ready: list[Terminal] = []  # to be read in this round
        self._touched: dict[str, Terminal] = {}  # may have changed in this round: few of 100 do
        self._must_end = False

    def serve(self) -> None:
        """Run until the last terminal has ended, or until SIGTERM. Call it in the main thread."""
        alarm, bell = socket.socketpair()
        self._listen_to_signals(bell)
        self._clients.listen()
        alarm.setblocking(False)
        self._descriptors.watch(alarm.fileno(), READ, partial(self._on_signal, alarm))
        try:
            while self._must_continue():
                self._descriptors.wait(self._patience())
                self._read_ready()
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

    def _must_continue(self) -> bool:
        if self._must_end or self._requests.has_opened:
            return bool(self._requests.terminals) and not self._must_end
        return time.monotonic() - self._began_at < self._waits.first_terminal

    def _patience(self) -> float:
        return self._soon or max(0.0, min(TICK, self._next_tick - time.monotonic()))

    # -- events ------------------------------------------------------------------------------------------------------

    def _touch(self, terminal: Terminal) -> None:
        self._touched[terminal.id] = terminal

    def _on_signal(self, alarm: socket.socket, _events: int) -> None:
        with suppress(BlockingIOError):
            alarm.recv(4096)
        for terminal in tuple(self._requests.terminals.values()):
            self._check_child(terminal, time.monotonic())

    def _check_child(self, terminal: Terminal, now: float) -> None:
        """Has its program ended?"""
        if terminal.code is None:
            terminal.code = terminal.child.ended()
        if terminal.code is not None and not terminal.finished_at:
            self._on_pty(terminal, READ, now)

    def _on_ready(self, terminal: Terminal, events: int) -> None:
        """A pty is ready. Its output is read after all client messages, so that input does not wait."""
        if events & READ:
            self._ready.append(terminal)
        if events & WRITE:
            self._on_pty(terminal, WRITE)

    def _read_ready(self) -> None:
        """Read ready ptys in turn, up to this round's scanning cost; the rest follows in the next round."""
        now = time.monotonic()
        ready, self._ready, self._work = sorted(self._ready, key=lambda one: one.read_budget.turn(now)), [], 0
        for terminal in ready:
            if self._work < read_budget.PER_ROUND:
                self._on_pty(terminal, READ)

    def _on_pty(self, terminal: Terminal, events: int, now: float = 0.0) -> None:
        now, before, work = now or time.monotonic(), terminal.buffer.end, terminal.scanner.work
        self._touch(terminal)
        if events & WRITE:
            terminal.child.write_waiting()
        if events & READ and terminal.child.descriptor >= 0 and terminal.read(now):
            self._descriptors.forget(terminal.child.descriptor)
            terminal.close_pty(now)
            terminal.code = terminal.child.ended() if terminal.code is None else terminal.code
        self._work += terminal.scanner.work - work
        if terminal.code is not None and terminal.child.descriptor < 0:
            terminal.finish(now)
        if not terminal.should_gather(terminal.buffer.end - before, now):
            self._clients.serve(terminal, now)

    # -- after each round --------------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._requests.forget_old_ends()
            self._touched = dict(self._requests.terminals)
            for terminal in tuple(self._touched.values()):
                self._check_timeouts(terminal, now)
        self._touched |= {terminal.id: terminal for terminal in self._requests.fresh}
        self._requests.fresh.clear()
        touched, self._touched, self._soon = self._touched, {}, 0.0
        for terminal in touched.values():
            self._note_use(terminal, now)
            self._settle_turn(terminal, now)
            self._settle_flood(terminal, now)
            self._settle_size(terminal, now)
            if terminal.child.descriptor >= 0:
                if wait := terminal.read_budget.wait(now):
                    self._again(terminal, wait)
                events = (READ if terminal.wanted(now) else 0) | (WRITE if terminal.child.waiting else 0)
                self._descriptors.watch(terminal.child.descriptor, events, partial(self._on_ready, terminal))
            elif terminal.is_over(now, self._waits.linger):
                self._requests.terminals.pop(terminal.id, None)

    def _note_use(self, terminal: Terminal, now: float) -> None:
        """Note that its VM was used since the last note, at most once a second."""
        terminal.activity.settle(now, has_ended=terminal.code is not None)
        noted = self._noted.get(terminal.vm, 0.0)
        if terminal.activity.done_at > noted and (now - noted >= TICK or terminal.code is not None):
            self._noted[terminal.vm] = now
            self._note(terminal.vm)

    def _settle_turn(self, terminal: Terminal, now: float) -> None:
        if terminal.is_agent:
            state = terminal.attention.state(now, is_agent=True, ended_at=terminal.finished_at)
            if turn := terminal.attention.settle_turn(state, now):
                self._note_turn(terminal.vm, terminal.command, *turn)

    def _settle_flood(self, terminal: Terminal, now: float) -> None:
        if terminal.is_held:
            if terminal.should_gather(BULK, now):
                self._again(terminal, GATHER)
            else:
                self._clients.serve(terminal, now)

    def _settle_size(self, terminal: Terminal, now: float) -> None:
        before = terminal.size
        if wait := terminal.settle_size(now):
            self._again(terminal, wait)
        if terminal.size != before:
            self._clients.broadcast(terminal, terminal.size_message())

    def _again(self, terminal: Terminal, wait: float) -> None:
        self._soon = min(wait, self._soon or wait)
        self._touch(terminal)

    def _check_timeouts(self, terminal: Terminal, now: float) -> None:
        if not terminal.finished_at:
            terminal.check_boot(self._boot_of(terminal.vm, has_lost=terminal.code == LOST), now)
        terminal.kill_if_late(now)
        if terminal.is_watched:
            terminal.attention.seen_at = now
        self._check_child(terminal, now)
        self._clients.check_viewers(terminal, now)

    def _end_all(self) -> None:
        for terminal in self._requests.terminals.values():
            if terminal.activity.done_at > self._noted.get(terminal.vm, 0.0):
                self._note(terminal.vm)
            if began := terminal.attention.turn_began:
                self._note_turn(terminal.vm, terminal.command, began, time.monotonic())
            terminal.child.signal(signal.SIGHUP)
            terminal.child.close()
        self._clients.close()
        self._descriptors.close()
