"""View models of the doctor: each finding with its state, what to do, and where the dashboard can do it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dvmweb.guest_text import visible
from dvmweb.verbs.doctor import Finding, State
from dvmweb.web.ui.formatting import capital, count
from dvmweb.web.ui.values import Badge

PARTS = {"host": "This computer", "vms": "Configs and VMs"}
BADGES = {
    State.OK: Badge("ok", "check", "OK"),
    State.WARNING: Badge("warn", "warn", "Warning"),
    State.FAILED: Badge("bad", "warn", "Problem"),
    State.UNKNOWN: Badge("blind", "eye-off", "Not checked"),
}
ORDER = (State.FAILED, State.WARNING, State.UNKNOWN, State.OK)
LINKS = {  # topic -> page and text
    "engine": ("/help#lima", "Install Lima"),
    "disk": ("/trash", "Trash"),
    "trash": ("/trash", "Trash"),
    "checkpoint": ("/checkpoints", "Checkpoints"),
    "bases": ("/bases", "Bases"),
}
LONGEST = 600


@dataclass(frozen=True)
class FindingRow:
    """One finding."""

    badge: Badge
    topic: str
    what: tuple[str, ...]  # lines
    fix: tuple[str, ...]
    link: tuple[str, ...]  # path below the prefix and text; () for none
    repair: str  # what the dashboard can do about it, "" for nothing


@dataclass(frozen=True)
class DoctorPart:
    """One part of the checks; `rows` is None until they have run."""

    name: str
    title: str
    rows: tuple[FindingRow, ...] | None = None
    summary: str = ""
    tone: str = "blind"
    checked: str = ""
    problem: str = ""  # why the checks themselves failed


def waiting(name: str) -> DoctorPart:
    """A part whose checks have not run."""
    return DoctorPart(name, PARTS[name])


def part(name: str, found: Iterable[Finding], at: float, took: float) -> DoctorPart:
    """A part with its findings, the worst first; checked `at` (seconds since the epoch), for `took` seconds."""
    ordered = sorted(found, key=lambda one: ORDER.index(one.state))
    worst = ordered[0].state if ordered else State.UNKNOWN
    clock = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
    return DoctorPart(
        name,
        PARTS[name],
        tuple(map(_row, ordered)),
        _summary([one.state for one in ordered]),
        BADGES[worst].tone,
        f"checked at {clock}, in {took:.1f} s",
    )


def failed(name: str, what: str) -> DoctorPart:
    """A part whose checks could not run."""
    return DoctorPart(name, PARTS[name], (), "The checks failed", problem=visible(what, LONGEST))


def _summary(states: list[State]) -> str:
    """How many findings need something to be done; says "no problem" only if each check has run."""
    numbers = {state: states.count(state) for state in ORDER}
    parts = [
        *([count(numbers[State.FAILED], "problem", "problems")] if numbers[State.FAILED] else []),
        *([count(numbers[State.WARNING], "warning", "warnings")] if numbers[State.WARNING] else []),
        *([f"{numbers[State.UNKNOWN]} not checked"] if numbers[State.UNKNOWN] else []),
    ]
    if not states:
        return "Nothing was checked"
    return ", ".join(parts) if parts else "No problem found"


def _row(one: Finding) -> FindingRow:
    return FindingRow(
        badge=BADGES[one.state],
        topic=visible(capital(one.topic), 60),
        what=_lines(one.what),
        fix=_lines(one.fix),
        link=_link(one),
        repair=one.repair,
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(visible(line, LONGEST) for line in text.splitlines() if line.strip())


def _link(one: Finding) -> tuple[str, ...]:
    if one.topic.startswith("VM "):
        name = one.topic.removeprefix("VM ")
        return (f"/vms/{name}", f"Open {name}")
    return () if one.state is State.OK else LINKS.get(one.topic, ())
