"""The terminal modes that a cut replay would miss, so that it starts in the program's state. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

ALTERNATE = (47, 1047, 1049)
# Mode -> default. Modes that change how later bytes are shown, or what keys and the mouse send.
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
MOST = 500  # changes that are kept one by one; older ones are merged
DEEPEST = 16  # entries on one screen's stack


@dataclass(frozen=True)
class Keys:
    """The key encoding that a program requested: kitty's flags (a stack for each screen) and modifyOtherKeys."""

    normal: tuple[int, ...] = ()
    alternate: tuple[int, ...] = ()
    others: int = 0

    def after(self, prefix: str, numbers: tuple[int, ...], final: str, *, is_full: bool) -> Keys:
        """The encoding after a program's `CSI prefix numbers final`."""
        first, second = (*numbers, 0, 0)[:2]
        if final == "m":
            return replace(self, others=second if first else 0) if prefix == ">" and first in (0, 4) else self
        stack = self.alternate if is_full else self.normal
        if prefix == ">":
            stack = (*stack, first)[-DEEPEST:]
        elif prefix == "<":
            stack = stack[: -(first or 1)]
        else:
            now = stack[-1] if stack else 0
            stack = (*stack[:-1], {2: now | first, 3: now & ~first}.get(second, first))
        return replace(self, alternate=stack) if is_full else replace(self, normal=stack)


def _pushed(stack: tuple[int, ...]) -> str:
    return "".join(f"\x1b[>{flags}u" for flags in stack)


class ScreenModes:
    """The modes at any byte in the replay buffer."""

    def __init__(self) -> None:
        self._before: dict[int, bool] = {}  # before the first of the changes below
        self._changes: deque[tuple[int, int, bool]] = deque()  # offset, mode, on
        self._now: dict[int, bool] = {}  # after the last change; kept apart, as a guest can cause many lookups
        self._keys: deque[tuple[int, Keys]] = deque([(0, Keys())])  # offset, the encoding from there on

    def change(self, offset: int, number: int, *, is_on: bool) -> None:
        """Record a mode that was changed by output ending at `offset`."""
        if number in KNOWN:
            self._changes.append((offset, number, is_on))
            self._now[number] = is_on
            if len(self._changes) > MOST:
                _, known, was_on = self._changes.popleft()
                self._before[known] = was_on

    def request_keys(self, offset: int, prefix: str, numbers: tuple[int, ...], final: str) -> None:
        """Record a key encoding that was requested by output ending at `offset`."""
        self._set_keys(offset, self._keys[-1][1].after(prefix, numbers, final, is_full=self.is_full_screen))

    def _set_keys(self, offset: int, keys: Keys) -> None:
        if keys != self._keys[-1][1]:
            self._keys.append((offset, keys))
        if len(self._keys) > MOST:
            self._keys.popleft()

    def reset(self, offset: int) -> None:
        """Set all modes to their defaults."""
        self._set_keys(offset, Keys())
        for number, is_on in tuple(self._now.items()):
            if is_on != KNOWN[number]:
                self.change(offset, number, is_on=KNOWN[number])

    def forget(self, start: int) -> None:
        """Merge the changes before `start`, the oldest byte kept."""
        while self._changes and self._changes[0][0] <= start:
            _, number, is_on = self._changes.popleft()
            self._before[number] = is_on
        while len(self._keys) > 1 and self._keys[1][0] <= start:
            self._keys.popleft()

    def _at(self, offset: int) -> dict[int, bool]:
        return self._before | {number: is_on for at, number, is_on in self._changes if at <= offset}

    def lost(self, offset: int) -> str:
        """The escape sequences that bring a new screen into the program's modes at `offset`, "" for none."""
        changed = {number: is_on for number, is_on in self._at(offset).items() if is_on != KNOWN[number]}
        # The alternate screen first: switching to it also saves the cursor.
        ordered = sorted(changed, key=lambda number: (number not in ALTERNATE, number))
        modes = "".join(f"\x1b[?{number}{'h' if changed[number] else 'l'}" for number in ordered)
        keys = next((keys for at, keys in reversed(self._keys) if at <= offset), self._keys[0][1])
        others = f"\x1b[>4;{keys.others}m" if keys.others else ""
        alternate = _pushed(keys.alternate) if changed.keys() & {*ALTERNATE} else ""
        return _pushed(keys.normal) + modes + alternate + others

    @property
    def is_full_screen(self) -> bool:
        """Does the program draw on the alternate screen now?"""
        return any(self._now.get(number, False) for number in ALTERNATE)
