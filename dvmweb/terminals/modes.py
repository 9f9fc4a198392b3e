"""Remember which modes of the screen a replay would miss, so that a cut one begins as the program left it. Pure."""

from __future__ import annotations

from collections import deque

ALTERNATE = (47, 1047, 1049)
# Mode -> on by default. What changes how later bytes are shown or what keys and mouse send; the rest is left alone.
KNOWN = {
    1: False,  # cursor keys send ESC O
    7: True,  # wrap
    25: True,  # the cursor is shown
    47: False,
    1000: False,
    1002: False,
    1003: False,
    1004: False,
    1006: False,
    1047: False,
    1049: False,
    2004: False,  # bracketed paste
}
MOST = 500  # changes that are remembered one by one; older ones are taken for older than they are


class Modes:
    """The modes at any byte that is still in the ring."""

    def __init__(self) -> None:
        self._before: dict[int, bool] = {}  # as they were before the first change below
        self._changes: deque[tuple[int, int, bool]] = deque()  # offset, mode, on
        self._now: dict[int, bool] = {}  # after the last change: a guest may ask for that without end

    def change(self, offset: int, number: int, *, is_on: bool) -> None:
        """A mode was changed by output that ended at `offset`."""
        if number in KNOWN:
            self._changes.append((offset, number, is_on))
            self._now[number] = is_on
            if len(self._changes) > MOST:
                _, known, was_on = self._changes.popleft()
                self._before[known] = was_on

    def reset(self, offset: int) -> None:
        """All of them are back at their defaults."""
        for number, is_on in tuple(self._now.items()):
            if is_on != KNOWN[number]:
                self.change(offset, number, is_on=KNOWN[number])

    def forget(self, start: int) -> None:
        """What was changed before `start` need not be told apart any more."""
        while self._changes and self._changes[0][0] <= start:
            _, number, is_on = self._changes.popleft()
            self._before[number] = is_on

    def _at(self, offset: int) -> dict[int, bool]:
        return self._before | {number: is_on for at, number, is_on in self._changes if at <= offset}

    def lost(self, offset: int) -> str:
        """What makes a fresh screen like that of the program at `offset`: plain escape sequences, "" for none."""
        changed = {number: is_on for number, is_on in self._at(offset).items() if is_on != KNOWN[number]}
        # The alternate screen first: switching to it also saves the cursor.
        ordered = sorted(changed, key=lambda number: (number not in ALTERNATE, number))
        return "".join(f"\x1b[?{number}{'h' if changed[number] else 'l'}" for number in ordered)

    @property
    def is_full_screen(self) -> bool:
        """Does the program draw on the alternate screen now?"""
        return any(self._now.get(number, False) for number in ALTERNATE)
