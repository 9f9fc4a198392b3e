"""The load of a VM as its page shows it: plots, jobs and turns of agents on the time line, a table. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.records.agent_turns import Turn
from dvmweb.records.load_samples import History, Sample
from dvmweb.terminals.agents import label
from dvmweb.web.ui import plots
from dvmweb.web.ui.formatting import duration
from dvmweb.web.ui.plots import Plot, Scale, Steps

SPANS = {"hour": ("1 h", plots.HOUR), "day": ("24 h", plots.DAY)}
MOST_MARKS = 40  # of a plot; the newest
LEAST = 0.4  # steps; a shorter mark could not be seen


@dataclass(frozen=True)
class Band:
    """A time in which something happened: a job or the turn of an agent."""

    kind: str  # job or turn
    x: float
    width: float
    title: str  # what, from when to when
    path: str  # of the job, "" for a turn


@dataclass(frozen=True)
class Figure:
    """One plot of the page, with one line or two."""

    name: str
    top: str  # the value at the upper edge
    lines: tuple[Plot, ...]
    text: str  # what it is now
    is_known: bool


@dataclass(frozen=True)
class LoadView:
    """The page."""

    span: str
    spans: tuple[tuple[str, str, bool], ...]  # name, text, whether it is shown
    figures: tuple[Figure, ...]
    bands: tuple[Band, ...]
    ticks: tuple[str, ...]  # times below the plots, the oldest first
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # the newest first
    age: str
    note: str  # why there is nothing, or what is missing


def load_view(
    history: History,
    sizes: tuple[int, int, int],
    marks: tuple[Sequence[Job], Sequence[Turn]],
    now: float,
    span: str = "hour",
    *,
    is_running: bool = True,
) -> LoadView:
    """Return the page. `sizes`: processors, bytes of memory and of disk."""
    span = span if span in SPANS else "hour"
    steps = Steps.until(now, SPANS[span][1])
    samples = history.day if span == "day" else history.hour
    current = plots.latest(history.hour, now) if is_running else None
    figures = _figures(samples, steps, sizes, current)
    bands = _bands(marks, steps, now)
    return LoadView(
        span=span,
        spans=tuple((name, text, name == span) for name, (text, _) in SPANS.items()),
        figures=figures,
        bands=bands,
        ticks=_ticks(steps, span),
        columns=tuple(line.label.partition(",")[0] for figure in figures for line in figure.lines),
        rows=_rows(samples, steps, _scales(samples, sizes), now),
        age=f"{max(0, int(now - current.at))} s ago" if current is not None else "",
        note=_note(samples, is_running=is_running),
    )


def _scales(samples: Sequence[Sample], sizes: tuple[int, int, int]) -> tuple[Scale, ...]:
    return (
        plots.cpu_scale(),
        plots.memory_scale(sizes[1]),
        plots.disk_scale(sizes[2]),
        *plots.network_scales(samples),
    )


def _figures(
    samples: Sequence[Sample], steps: Steps, sizes: tuple[int, int, int], current: Sample | None
) -> tuple[Figure, ...]:
    cpu, memory, disk, received, sent = _scales(samples, sizes)
    groups = (
        ("CPU", f"{sizes[0]} CPUs" if sizes[0] != 1 else "1 CPU", (cpu,)),
        ("Memory", plots.gib(memory.top), (memory,)),
        ("Disk", plots.gib(disk.top), (disk,)),
        ("Network", plots.rate(received.top), (received, sent)),
    )
    return tuple(_figure(name, top, scales, samples, steps, current) for name, top, scales in groups)


def _figure(
    name: str, top: str, scales: tuple[Scale, ...], samples: Sequence[Sample], steps: Steps, current: Sample | None
) -> Figure:
    lines = tuple(plots.plot(samples, steps, scale, current) for scale in scales)
    if len(lines) == 1:
        most = f"at most {lines[0].most}" if lines[0].most else ""
        text = " · ".join(part for part in (lines[0].now or ("not known now" if most else ""), most) if part)
    else:
        named = zip(scales, lines, strict=True)
        text = " · ".join(f"{scale.name.lower()} {line.now}" for scale, line in named if line.now)
    return Figure(name, top, lines, text or "not known", any(line.line for line in lines))


def _note(samples: Sequence[Sample], *, is_running: bool) -> str:
    if not is_running and not samples:
        return "The VM is not running, and was not sampled in this time."
    if not samples:
        return "No samples yet: the first comes within a minute while the dashboard runs and the guest responds."
    return ""


def _bands(marks: tuple[Sequence[Job], Sequence[Turn]], steps: Steps, now: float) -> tuple[Band, ...]:
    jobs, turns = marks
    found = [
        (job.started, job.ended or now, "job", f"{visible(job.verb, 20).capitalize()} ({job.state})", f"/jobs/{job.id}")
        for job in jobs
        if job.started and (job.ended or job.is_open)
    ]
    found += [(turn.began, turn.ended, "turn", f"{label(turn.agent)} worked", "") for turn in turns]
    inside = sorted(one for one in found if one[1] > steps.begin and one[0] < steps.end)
    return tuple(_band(steps, *one) for one in inside[-MOST_MARKS:])


def _band(steps: Steps, began: float, ended: float, kind: str, what: str, path: str) -> Band:
    x = steps.place(began)
    title = f"{what}, {clock(began)} to {clock(ended)}, {duration(ended - began)}"
    width = max(LEAST, round(steps.place(ended) - x, 1))
    return Band(kind, min(x, round(steps.count - 1 - width, 1)), width, title, path)


def clock(at: float) -> str:
    """The time of day on this computer."""
    return time.strftime("%H:%M", time.localtime(at))


def _ticks(steps: Steps, span: str) -> tuple[str, ...]:
    if span == "day":
        quarter = steps.count * steps.seconds / 4
        return (*(clock(steps.begin + number * quarter) for number in range(4)), "now")
    return (*(f"{minutes} min ago" for minutes in (60, 45, 30, 15)), "now")


def _rows(samples: Iterable[Sample], steps: Steps, scales: Sequence[Scale], now: float) -> tuple[tuple[str, ...], ...]:
    """Return a row for each step that has begun: its time, and the average of each value."""
    every = tuple(samples)
    averages = [steps.averages(every, scale.value) for scale in scales]
    rows = []
    for step in reversed(range(steps.count)):
        at = steps.begin + step * steps.seconds
        if at <= now:
            texts = (
                scale.text(value) if value is not None else "not known"
                for scale, value in zip(scales, (one[step] for one in averages), strict=True)
            )
            rows.append((clock(at), *texts))
    return tuple(rows)
