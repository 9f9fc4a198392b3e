"""Limits the request bodies that are being received, per session and in total; beyond it the oldest is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dvmweb.web.server.sessions import SESSION

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MOST_OF_ONE = 8  # of one session, or of all clients without one; a browser opens six connections to one address
MOST = 64


class Bodies:
    """The connections that wait for the rest of a body. Bodies that never arrive delay no other client."""

    def __init__(self, cut_off: Callable[[Any], None]) -> None:
        self._cut_off = cut_off
        self._lock = threading.Lock()
        self._owners: dict[Any, str] = {}  # oldest first

    @property
    def count(self) -> int:
        """The number of waiting connections."""
        return len(self._owners)

    @contextmanager
    def wait(self, connection: Any, owner: str) -> Iterator[None]:
        """Count a connection while its body is read; over a limit, cut off the oldest, preferably of the same owner."""
        with self._lock:
            same = [other for other, of in self._owners.items() if of == owner]
            oldest = same[0] if len(same) >= MOST_OF_ONE else None
            if oldest is None and len(self._owners) >= MOST:
                oldest = next(iter(self._owners))
            self._owners.pop(oldest, None)
            self._owners[connection] = owner
        if oldest is not None:
            self._cut_off(oldest)
        try:
            yield
        finally:
            with self._lock:
                self._owners.pop(connection, None)


class Body:
    """The body of a request, which the guard reads completely in one call."""

    def __init__(self, file: Any, environ: WSGIEnvironment, connection: Any, bodies: Bodies) -> None:
        self._file, self._environ, self._connection, self._bodies = file, environ, connection, bodies

    def read(self, size: int = -1) -> bytes:
        """Read like a file."""
        session = self._environ.get(SESSION)  # the guard sets it before it reads
        with self._bodies.wait(self._connection, session.key if session else ""):
            return bytes(self._file.read(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
