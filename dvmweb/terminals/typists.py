"""Count what each typist has typed, so that one whose line broke knows what arrived and types the rest again. Pure."""

from __future__ import annotations

MOST = 32  # typists of a terminal that are remembered


class Typists:
    """Bytes of input that were taken, by the name that a browser tab gives itself."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def note(self, typist: str, count: int) -> None:
        """So many bytes more were taken."""
        if not typist:
            return
        self._taken[typist] = self._taken.pop(typist, 0) + count  # the newest stand last
        while len(self._taken) > MOST:
            del self._taken[next(iter(self._taken))]

    def taken(self, typist: str) -> int:
        """How many bytes; 0 for one who is not known."""
        return self._taken.get(typist, 0)
