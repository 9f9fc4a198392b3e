"""When a terminal was last active: an earlier unsaved-work check of its VM is stale after that. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SETTLED = 3.0  # seconds that a program must outlive its output: the last output of a VM that stops is not work
REDRAW = 1.0  # seconds after a resize in which output counts as a redraw of the screen


@dataclass
class Activity:
    """Counts input, and output once there was input; of an agent all output. Times are monotonic seconds."""

    done_at: float = 0.0  # last activity; 0: none yet
    _pending_since: float = 0.0  # output that does not count yet
    _was_typed: bool = False

    def typed(self, now: float) -> None:
        """Note input."""
        self._was_typed, self.done_at = True, now

    def printed(self, now: float, resized_at: float, *, is_agent: bool) -> None:
        """Note output. Without input, a shell only shows its prompt."""
        if (self._was_typed or is_agent) and now - resized_at > REDRAW:
            self._pending_since = self._pending_since or now

    def settle(self, now: float, *, has_ended: bool) -> None:
        """Count older output of a program that still runs."""
        if has_ended:
            self._pending_since = 0.0
        elif self._pending_since and now - self._pending_since > SETTLED:
            self.done_at, self._pending_since = now, 0.0
