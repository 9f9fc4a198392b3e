"""Turns samples of a VM's load into lines of an SVG and into text. A gap in the samples is a gap in the line. Pure.

A plot has one unit of width for each step of its time and 100 units of height, whatever its size on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dvmweb.records.load_samples import Sample
from dvmweb.web.ui.formatting import GIB

HEIGHT = 100
HOUR, DAY = 3600, 86_400
MINUTE, QUARTER = 60, 900  # seconds of one step of an hour and of a day
FRESH = 60.0  # seconds for which the last sample counts as now
Value = Callable[[Sample], float | None]


@dataclass(frozen=True)
class Plot:
    """One line of a plot. `now` and `most` are text, "" if not known."""

    line: str  # the `d` of a path, "" without samples
    area: str  # the same, closed at the bottom
    width: int  # of the view box
    now: str
    most: str
    label: str  # the plot in words, for screen readers

    @property
    def box(self) -> str:
        """The view box."""
        return f"0 0 {self.width} {HEIGHT}"


@dataclass(frozen=True)
class Scale:
    """What is drawn: its name, how it is read from a sample, its highest value, and how it is written."""

    name: str
    value: Value
    top: float  # the value at the upper edge
    text: Callable[[float], str]
    highest: Value | None = None  # where a sample is made of several


@dataclass(frozen=True)
class Steps:
    """The time of a plot, in equal steps; the last one is not over yet."""

    end: float  # seconds since the epoch
    count: int
    seconds: int

    @classmethod
    def until(cls, now: float, span: int = HOUR) -> Steps:
        """The steps of the last hour or day. They stay the same during one step, so that a page need not be redrawn."""
        seconds = QUARTER if span == DAY else MINUTE
        return cls(now // seconds * seconds + seconds, span // seconds, seconds)

    @property
    def begin(self) -> float:
        """The time of the left edge."""
        return self.end - self.count * self.seconds

    def averages(self, samples: Iterable[Sample], value: Value) -> list[float | None]:
        """The average of each step, None where nothing is known. A list of 50 VMs has 12,000 samples: it is fast."""
        sums, counts, begin, seconds = [0.0] * self.count, [0] * self.count, self.begin, self.seconds
        for one in samples:
            number, step = value(one), int((one.at - begin) // seconds)
            if number is not None and 0 <= step < self.count:
                sums[step] += number
                counts[step] += 1
        return [sums[step] / count if count else None for step, count in enumerate(counts)]

    def place(self, at: float) -> float:
        """The horizontal place of a time, within the plot; the value of a step is drawn for its middle."""
        return round(min(self.count - 1, max(0.0, (at - self.begin) / self.seconds - 0.5)), 1)


def latest(samples: Sequence[Sample], now: float) -> Sample | None:
    """The last sample of an hour, if it still counts as now."""
    return samples[-1] if samples and now - samples[-1].at <= FRESH else None


def plot(samples: Sequence[Sample], steps: Steps, scale: Scale, current: Sample | None) -> Plot:
    """The line of one value. `samples`: the oldest first; `current`: the one that counts as now."""
    runs = _runs([_height(value, scale.top) for value in steps.averages(samples, scale.value)])
    last = scale.value(current) if current is not None else None
    most = max((value for one in samples for value in (_highest(one, scale),) if value is not None), default=None)
    words_now = scale.text(last) if last is not None else ""
    words_most = scale.text(most) if most is not None else ""
    return Plot(
        line="".join(_line(run) for run in runs),
        area="".join(f"{_line(run)}V{HEIGHT}H{run[0][0]}Z" for run in runs if len(run) > 1),
        width=steps.count - 1,
        now=words_now,
        most=words_most,
        label=_label(scale.name, steps, words_now, words_most),
    )


def _highest(one: Sample, scale: Scale) -> float | None:
    found = scale.highest(one) if scale.highest is not None else None
    return scale.value(one) if found is None else found


def _label(name: str, steps: Steps, now: str, most: str) -> str:
    span = "last day" if steps.count * steps.seconds == DAY else "last hour"
    if not most:
        return f"{name}, {span}: not known"
    return f"{name}, {span}: {f'{now} now' if now else 'not known now'}, at most {most}"


def _height(value: float | None, top: float) -> int | None:
    if value is None:
        return None
    return HEIGHT - round(HEIGHT * min(1.0, max(0.0, value / top))) if top > 0 else HEIGHT


def _runs(heights: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    """The points of each unbroken part."""
    runs: list[list[tuple[int, int]]] = [[]]
    for x, y in enumerate(heights):
        if y is not None:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(run: Sequence[tuple[int, int]]) -> str:
    (x, y), *rest = run
    return f"M{x} {y}" + ("".join(f"L{x} {y}" for x, y in rest) or "h0")  # a round end makes a single point visible


# -- what can be drawn ---------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share as a whole percentage; what is above 0 never reads as 0."""
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")


def gib(amount: float) -> str:
    """Bytes as GiB, small ones as MiB."""
    return f"{amount / GIB:.1f} GiB" if amount >= GIB / 2 else f"{amount / (1 << 20):.0f} MiB"


def rate(amount: float) -> str:
    """Bytes each second."""
    for limit, unit in ((1 << 20, "MiB/s"), (1 << 10, "KiB/s")):
        if amount >= limit:
            return f"{amount / limit:.1f} {unit}"
    return f"{amount:.0f} B/s"


def cpu_scale() -> Scale:
    """The use of all processors."""
    return Scale("CPU", lambda one: one.cpu, 1.0, percent, lambda one: one.cpu_most)


def memory_scale(most: int) -> Scale:
    """Memory in use of `most` bytes."""
    return Scale("Memory", lambda one: one.memory, most, gib)


def disk_scale(most: int) -> Scale:
    """Disk in use of `most` bytes."""
    return Scale("Disk", lambda one: one.disk, most, gib)


def network_scales(samples: Iterable[Sample]) -> tuple[Scale, Scale]:
    """What is received and sent, both up to the highest rate of the two."""
    rates = [number for one in samples for number in (one.received, one.sent) if number is not None]
    top = _round_up(max(rates, default=0))
    return (
        Scale("Received", lambda one: one.received, top, rate),
        Scale("Sent", lambda one: one.sent, top, rate),
    )


def cpu_of_hour(samples: Sequence[Sample], now: float) -> Plot:
    """The use of CPU in the last hour, for cards and tables."""
    return plot(samples, Steps.until(now), cpu_scale(), latest(samples, now))


def _round_up(number: float) -> float:
    """The next power of two, from one KiB, so that the axis can be read."""
    step = 1024.0
    while step < number:
        step *= 2
    return step
