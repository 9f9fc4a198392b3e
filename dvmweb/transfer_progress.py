"""How far a transfer is: bytes, the whole if it is known, the rate of the last seconds, the time left. Pure."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 8.0  # seconds whose bytes make the rate
LEAST = 1.0  # seconds that a rate needs
MINUTES_FROM, HOURS_FROM = 100, 100 * 60  # seconds left from which they are shown in minutes, in hours


@dataclass(frozen=True)
class Progress:
    """What is known at one moment. A rate of None is not known yet."""

    done: int
    whole: int = 0  # bytes; 0: not known
    rate: float | None = None  # bytes in a second

    @property
    def seconds_left(self) -> float | None:
        """Until all of it is there at this rate; None if that cannot be known."""
        if not self.rate or self.whole < self.done or not self.whole:
            return None
        return (self.whole - self.done) / self.rate

    def __str__(self) -> str:
        """For people: "12.3 MiB of 340.1 MiB, 40 s left"."""
        is_known = self.whole >= self.done and self.whole > 0
        amount = f"{size(self.done)} of {size(self.whole)}" if is_known else size(self.done)
        if not self.rate or self.done == self.whole:
            return amount
        left = self.seconds_left
        return f"{amount}, {size(int(self.rate))}/s" if left is None else f"{amount}, {time_left(left)}"


@dataclass(frozen=True)
class Samples:
    """The bytes that were there at times of the last seconds, oldest first."""

    seen: tuple[tuple[float, int], ...] = ()  # seconds of any clock, bytes

    def with_one(self, now: float, done: int) -> Samples:
        """These and one more. After a clock that went back, or fewer bytes than before, they begin anew."""
        if self.seen and (now < self.seen[-1][0] or done < self.seen[-1][1]):
            return Samples(((now, done),))
        recent = [one for one in self.seen if one[0] < now]  # one sample for each time: the newest
        older = [one for one in recent if one[0] <= now - WINDOW][-1:]  # the last one before them completes the window
        return Samples((*older, *(one for one in recent if one[0] > now - WINDOW), (now, done)))

    @property
    def rate(self) -> float | None:
        """Bytes in a second; None while there is too little time between them."""
        if not self.seen or self.seen[-1][0] - self.seen[0][0] < LEAST:
            return None
        (began, before), (now, done) = self.seen[0], self.seen[-1]
        return (done - before) / (now - began)

    def progress(self, whole: int) -> Progress:
        """As of the newest sample."""
        return Progress(self.seen[-1][1] if self.seen else 0, whole, self.rate)


def time_left(seconds: float) -> str:
    """For people: "40 s left", "12 min left", "3 h left"; never less than it takes."""
    for unit, length, least in (("h", 3600, HOURS_FROM), ("min", 60, MINUTES_FROM), ("s", 1, 0)):
        if seconds >= least:
            return f"{-int(-seconds // length)} {unit} left"
    return "0 s left"


def size(count: int) -> str:
    """Bytes with a unit that people read: "12.3 MiB"."""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
