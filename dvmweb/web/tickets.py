"""One-use tickets for sockets: each is of one session and one terminal (or upload), and lives for half a minute."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LIFETIME = 30.0  # seconds
MOST = 1000  # of all sessions together; the oldest go first


@dataclass(frozen=True)
class Ticket:
    """What a ticket opens, and until when (monotonic seconds)."""

    session: str
    vm: str
    terminal: str
    until: float


class Tickets:
    """The tickets that were given out and not used yet. In memory only; safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Ticket] = {}

    def issue(self, session: str, vm: str, terminal: str) -> str:
        """A fresh ticket for one terminal."""
        text = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            kept = {known: ticket for known, ticket in self._open.items() if ticket.until > now}
            while len(kept) >= MOST:
                del kept[next(iter(kept))]
            self._open = {**kept, text: Ticket(session, vm, terminal, now + LIFETIME)}
        return text

    def take(self, text: str, session: str, terminal: str) -> Ticket | None:
        """Use a ticket up, whether it fits or not; None where it does not."""
        with self._lock:  # the text is a key with 256 random bits: looking it up tells nothing about others
            ticket = self._open.pop(text, None)
        if ticket is None or ticket.until <= self._clock():
            return None
        return ticket if (ticket.session, ticket.terminal) == (session, terminal) else None
