"""Counts the input bytes of each client, so that a client that reconnects sends only what did not arrive. Pure."""

from __future__ import annotations

MOST = 32  # clients of a terminal that are remembered


class InputLedger:
    """Bytes of input received, by client ID."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def note(self, client_id: str, count: int) -> None:
        """Count received bytes."""
        if not client_id:
            return
        self._taken[client_id] = self._taken.pop(client_id, 0) + count  # the newest are last
        while len(self._taken) > MOST:
            del self._taken[next(iter(self._taken))]

    def taken(self, client_id: str) -> int:
        """The number of bytes received from a client; 0 for an unknown one."""
        return self._taken.get(client_id, 0)
