"""Limits how much of a terminal's output is read, by the cost of scanning it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# One unit is one sequence, string or mode that was examined, about a microsecond. Plain output costs none.
RATE = 20_000.0  # units per second for one terminal
BURST = 1024.0  # units that an idle terminal can use at once
LEAST = 256.0  # units below which nothing is read: many small reads cost more than they save
PER_ROUND = 512  # units of all terminals after which the rest waits for the next round


@dataclass
class ReadBudget:
    """The remaining units of one terminal: refilled over time, used by scanning."""

    left: float = BURST
    at: float = 0.0  # monotonic seconds of what is left
    cost_at: float = 0.0  # last use

    def spend(self, units: int, now: float) -> None:
        """Use up units."""
        self.left, self.at = self._left(now) - units, now
        self.cost_at = now if units else self.cost_at

    def turn(self, now: float) -> tuple[bool, float]:
        """The sort key in a round: terminals that are not loud first, then by their last use."""
        return self.is_loud(now), self.cost_at

    def readable(self, now: float) -> int:
        """The number of bytes that can be read: a byte costs at most one unit."""
        left = self._left(now)
        return int(left) if left >= LEAST else 0

    def wait(self, now: float) -> float:
        """Seconds until something can be read again; 0: now."""
        return max(0.0, (LEAST - self._left(now)) / RATE)

    def is_loud(self, now: float) -> bool:
        """Has it used much of its budget recently?"""
        return self._left(now) < BURST / 2

    def _left(self, now: float) -> float:
        return min(BURST, self.left + max(0.0, now - self.at) * RATE)
