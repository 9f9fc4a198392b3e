"""The list of all VMs as its page shows it: heading, filters, cards, and why there is no newer list. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from dvmweb.errors import DvmError, NoEngine
from dvmweb.lima.watching import Snapshot
from dvmweb.vms import Vm
from dvmweb.web import meters
from dvmweb.web.views import Card, Mark, card
from dvmweb.web.wording import age, count, needs_you, size, steady

FILTERS = {"": "All", "running": "Running", "at-risk": "At risk", "safe": "Safe to delete"}
Marks = Mapping[str, tuple[Mark, ...]]  # by VM, the terminals that need somebody
NO_MARKS: Marks = MappingProxyType({})
QUERY_LENGTH = 200  # characters


@dataclass(frozen=True)
class Filter:
    """One way to see fewer cards."""

    name: str
    text: str
    number: int
    query: str
    is_current: bool


@dataclass(frozen=True)
class ListProblem:
    """Why the list is not fresh."""

    tone: str
    what: str
    todo: str
    command: str


@dataclass(frozen=True)
class CardsPage:
    """The list page, and the part of it that is polled."""

    title: str  # of the tab
    heading: str
    lead: str
    cards: tuple[Card, ...]
    filters: tuple[Filter, ...]
    query: str
    problem: ListProblem | None
    poll: str  # the query string of the next poll
    seen: str  # what a poll says it has; the same value means that nothing is new
    is_first_visit: bool
    is_filtered: bool
    is_waiting: bool  # something waits for the user


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    query: str = ""
    show: str = ""
    seen: str = ""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Asked:
        """Read the query string; an unknown filter is none."""
        show = arguments.get("show", "")
        query = arguments.get("q", "")[:QUERY_LENGTH].strip()
        return cls(query, show if show in FILTERS else "", arguments.get("seen", ""))

    def shows(self, one: Card) -> bool:
        """Say whether a card has the tag and holds every word."""
        has_tag = not self.show or self.show in one.tags
        return has_tag and all(word in one.search for word in self.query.lower().split())

    def poll(self, seen: str) -> str:
        """The query string of the next poll."""
        return "?" + urlencode({"q": self.query, "show": self.show, "seen": seen})


BLIND = ListProblem(
    "risk",
    "The keeper of the terminals does not answer: nobody can say which agent waits for you.",
    "Terminals that are open go on. The page Terminals says more.",
    "",
)


def seen(snapshot: Snapshot[Vm], now: float, faults: Sequence[str] = (), marks: Marks | None = NO_MARKS) -> str:
    """A value that changes when the page would: with the list, its trouble, its marks, and the ages in it."""
    last = faults[-1] if faults else ""
    trouble = "p" if snapshot.problem else ""
    waiting = "?" if marks is None else zlib.crc32(repr(sorted(marks.items())).encode()) if marks else ""
    return f"{snapshot.generation}-{int(steady(now))}{trouble}{last}{waiting}"


def cards_page(
    snapshot: Snapshot[Vm],
    asked: Asked,
    now: float,
    disks: Mapping[str, int],
    host: int,
    faults: Sequence[str] = (),
    marks: Marks | None = NO_MARKS,
) -> CardsPage:
    """The page of a snapshot. `disks`: bytes used by VM; `host`: bytes of memory of this computer.

    `marks`: the terminals that need somebody, None where nobody can say.
    """
    known, marks = seen(snapshot, now, faults, marks), NO_MARKS if (is_blind := marks is None) else marks
    at = steady(now)
    every = tuple(card(vm, at, disks.get(vm.name, 0), _marks_of(vm, marks)) for vm in snapshot.vms)
    shown = tuple(one for one in every if asked.shows(one))
    at_risk = sum("at-risk" in one.tags for one in every)
    return CardsPage(
        title=_title(every, at_risk, snapshot, sum(map(len, marks.values()))),
        heading=_heading(every, at_risk, snapshot),
        lead=_lead(snapshot.vms, disks, host),
        cards=shown,
        filters=_filters(every, asked),
        query=asked.query,
        problem=_problem(snapshot, now) or _fault(faults) or (BLIND if is_blind else None),
        poll=asked.poll(known),
        seen=known,
        is_first_visit=not every and snapshot.generation > 0,
        is_filtered=bool(asked.query or asked.show),
        is_waiting=any(one.badge.tone == "bad" or one.problem or one.marks for one in every),
    )


def _heading(every: tuple[Card, ...], at_risk: int, snapshot: Snapshot[Vm]) -> str:
    if not snapshot.generation:
        return "Nobody knows yet which VMs there are"
    if not every:
        return "No VM yet"
    risk = f", {at_risk} with work at risk" if at_risk else ", nothing known to be at risk"
    blind = sum(one.work is not None and one.work.tone == "blind" for one in every)
    return f"{count(len(every), 'VM', 'VMs')}{risk}" + (f", {blind} not looked into" if blind and not at_risk else "")


def _marks_of(vm: Vm, marks: Marks) -> tuple[Mark, ...]:
    return marks.get(vm.name, ()) if vm.kind == "managed" else ()


def _title(every: tuple[Card, ...], at_risk: int, snapshot: Snapshot[Vm], waiting: int) -> str:
    if not snapshot.generation:
        return "? VMs · dvm"
    told = [needs_you(waiting)] if waiting else []
    told += [f"{at_risk} at risk"] if at_risk else []
    return " · ".join((*(told or [count(len(every), "VM", "VMs")]), "dvm"))


def _lead(vms: tuple[Vm, ...], disks: Mapping[str, int], host: int) -> str:
    if not vms:
        return "One project, one VM."
    running = [vm for vm in vms if vm.status == "Running"]
    promised = sum(meters.asked_size(vm)[1] for vm in running)
    most = sum(meters.asked_size(vm)[2] for vm in vms if vm.instance)
    used = sum(disks.values())
    facts = [f"{len(running)} running"]
    if running:
        facts.append(f"{size(promised)} of {size(host)} memory promised")
    if used:
        facts.append(f"{size(used)} of {size(most)} disk used")
    return " · ".join(facts)


def _filters(every: tuple[Card, ...], asked: Asked) -> tuple[Filter, ...]:
    found = []
    for name, word in FILTERS.items():
        number = sum(not name or name in one.tags for one in every)
        query = "?" + urlencode({"show": name}) if name else ""
        found.append(Filter(name, word, number, query, asked.show == name))
    return tuple(found)


def _fault(faults: Sequence[str]) -> ListProblem | None:
    if not faults:
        return None
    what = "A part of the dashboard has failed, so something on its pages may be old."
    todo = f"End `dvm web` with Ctrl-C and start it again. If it comes back, report it with the number {faults[-1]}."
    return ListProblem("bad", what, f"{todo} VMs, jobs and terminals go on.", "")


def _problem(snapshot: Snapshot[Vm], now: float) -> ListProblem | None:
    error: DvmError | None = snapshot.problem
    if error is None:
        return None
    old = f" This is the list of {age(snapshot.at, now)}." if snapshot.at else ""
    tone = "info" if isinstance(error, NoEngine) else "bad"
    return ListProblem(tone, f"{error.what}{old}", error.todo, error.command)
