"""The file descriptors that the keeper waits for, with the callbacks for when they are ready."""

from __future__ import annotations

import selectors
from collections.abc import Callable

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Descriptors:
    """A selector without system calls for unchanged events."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._events: dict[int, int] = {}  # by descriptor, what is waited for

    def watch(self, descriptor: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back for these events of a descriptor from now on; 0 for none."""
        known = self.watched(descriptor)
        if events == known:
            return
        if not events:
            self.forget(descriptor)
            return
        self._events[descriptor] = events
        if known:
            self._selector.modify(descriptor, events, callback)
        else:
            self._selector.register(descriptor, events, callback)

    def forget(self, descriptor: int) -> None:
        """Stop waiting for a descriptor."""
        if self.watched(descriptor):
            self._events[descriptor] = 0
            self._selector.unregister(descriptor)

    def watched(self, descriptor: int, unknown: int = 0) -> int:
        """The events waited for; `unknown` for a descriptor that was never watched."""
        return self._events.get(descriptor, unknown)

    def wait(self, seconds: float) -> None:
        """Wait up to `seconds`, then call back for every ready descriptor."""
        for key, events in self._selector.select(seconds):
            if self.watched(key.fd):  # an earlier callback of this round may have closed it
                key.data(events)

    def close(self) -> None:
        self._selector.close()
