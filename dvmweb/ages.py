"""Ages as every page and command shows them: "just now", "12 s ago", "3 min ago". Pure."""

from __future__ import annotations

import time

AHEAD = 60.0  # seconds that a time may be ahead of the clock before it counts as unknown
STEP = 10  # seconds; a younger age is "just now", and pages show ages in these steps, so that they change less often


def age(at: float, now: float | None = None) -> str:
    """How long before `now` (by default the current time) `at` was; both in seconds since the epoch."""
    seconds = (time.time() if now is None else now) - at
    if seconds < -AHEAD:
        return "at an unknown time"  # the clock was set back
    if seconds < STEP:
        return "just now"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def is_older(at: float, seconds: float, now: float) -> bool:
    """Whether `at` is `seconds` or more before `now`; a time ahead of the clock counts as too old."""
    return not -AHEAD <= now - at < seconds
