"""Counts for how long a VM was not used, and decides when its stop is announced and when it is due. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dvmweb.records.idle_times import IdleTime

HOUR = 3600.0  # seconds
NOTICE = 900.0  # seconds for which a stop is announced
LONGEST = (
    180.0  # seconds between two counts that count; after a longer gap this computer was asleep, or no dashboard ran
)
AGAIN = 300.0  # seconds until a stop that could not be made is tried again


@dataclass(frozen=True)
class Seen:
    """A running VM at one moment."""

    use: str  # the mark of its boot and its last use
    busy: str  # why it is in use, "" if nothing is known to use it


def counted(record: IdleTime, seen: Seen, hours: int, now: float) -> IdleTime:
    """The record with the time since the last count; use, or a use since then, begins it anew."""
    if seen.busy or seen.use != record.use:
        return IdleTime(at=now, use=seen.use, busy=seen.busy)
    gap = now - record.at
    is_next = 0 < gap <= LONGEST
    seconds, announced_from = record.seconds + (gap if is_next else 0.0), hours * HOUR - NOTICE
    warned_at = record.warned_at if is_next else 0.0  # an announcement before a sleep does not count
    if not warned_at:  # announced for its whole time, also after the hours in the config were made fewer
        seconds = min(seconds, announced_from)
        warned_at = now if seconds >= announced_from else 0.0
    return replace(record, seconds=seconds, at=now, busy="", warned_at=warned_at, job="", stopped_at=0.0)


def is_due(record: IdleTime, hours: int) -> bool:
    """Whether the VM can be stopped now, if its guest says so, too."""
    return bool(hours and record.warned_at) and record.seconds >= hours * HOUR


def delayed(record: IdleTime, hours: int, problem: str) -> IdleTime:
    """The record of a stop that could not be made; it is tried again after AGAIN seconds."""
    return replace(record, seconds=max(0.0, hours * HOUR - AGAIN), problem=problem)


def seconds_left(record: IdleTime, hours: int, now: float) -> float | None:
    """Seconds until the announced stop; None if none is announced, or the record is not current."""
    if not hours or not record.warned_at or now - record.at > LONGEST:
        return None
    return max(0.0, hours * HOUR - record.seconds)
