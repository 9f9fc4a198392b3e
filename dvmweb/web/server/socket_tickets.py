"""One-use tickets for WebSockets, each for one session and one terminal or upload, valid for half a minute."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LIFETIME = 30.0  # seconds
MOST = 1000  # of all sessions together; the oldest are dropped first


@dataclass(frozen=True)
class Ticket:
    """What a ticket is for, and until when (monotonic seconds)."""

    session: str
    vm: str
    terminal: str
    until: float


class Tickets:
    """The issued and unused tickets. In memory only; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Ticket] = {}

    def issue(self, session: str, vm: str, terminal: str) -> str:
        """A new ticket for one terminal."""
        text = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            kept = {known: ticket for known, ticket in self._open.items() if ticket.until > now}
            while len(kept) >= MOST:
                del kept[next(iter(kept))]
            self._open = {**kept, text: Ticket(session, vm, terminal, now + LIFETIME)}
        return text

    def take(self, text: str, session: str, terminal: str) -> Ticket | None:
        """Use up a ticket, whether it matches or not; None where it does not."""
        with self._lock:  # a random 256-bit key, so the lookup reveals nothing about others
            ticket = self._open.pop(text, None)
        if ticket is None or ticket.until <= self._clock():
            return None
        return ticket if (ticket.session, ticket.terminal) == (session, terminal) else None
