"""The list of all VMs as its page shows it: heading, filters, cards, and why the list is not current. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from dvmweb.ages import age
from dvmweb.errors import DvmError, NoEngine, sentence
from dvmweb.lima.watching import Snapshot
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.card import Card, card
from dvmweb.web.ui import meters
from dvmweb.web.ui.formatting import count, needs_you, size, steady
from dvmweb.web.ui.plots import Plot
from dvmweb.web.ui.values import Mark


@dataclass(frozen=True)
class Load:
    """The load of running VMs by name, and what the host has left in a few words."""

    plots: Mapping[str, Plot]
    host: tuple[str, ...] = ()


NO_LOAD = Load({})
FILTERS = {"": "All", "running": "Running", "unsaved": "Unsaved work", "clean": "No unsaved work"}
Marks = Mapping[str, tuple[Mark, ...]]  # by VM, the terminals that wait for the user
NO_MARKS: Marks = MappingProxyType({})
QUERY_LENGTH = 200  # characters


@dataclass(frozen=True)
class Filter:
    """A filter of the list."""

    name: str
    text: str
    number: int
    query: str
    is_current: bool


@dataclass(frozen=True)
class ListProblem:
    """Why the list is not current."""

    tone: str
    what: str
    todo: str
    command: str


@dataclass(frozen=True)
class CardsPage:
    """The list page and its polled part."""

    title: str  # of the tab
    heading: str
    lead: str
    cards: tuple[Card, ...]
    filters: tuple[Filter, ...]
    query: str
    problem: ListProblem | None
    poll: str  # the query string of the next poll
    seen: str  # sent with a poll; the same value means that nothing has changed
    is_first_visit: bool
    is_filtered: bool
    is_waiting: bool  # something needs the user's attention


@dataclass(frozen=True)
class ListQuery:
    """What the query string asks for."""

    query: str = ""
    show: str = ""
    seen: str = ""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> ListQuery:
        """Read the query string; an unknown filter counts as none."""
        show = arguments.get("show", "")
        query = arguments.get("q", "")[:QUERY_LENGTH].strip()
        return cls(query, show if show in FILTERS else "", arguments.get("seen", ""))

    def shows(self, one: Card) -> bool:
        """Return whether a card has the tag and contains every word."""
        has_tag = not self.show or self.show in one.tags
        return has_tag and all(word in one.search for word in self.query.lower().split())

    def poll(self, seen: str) -> str:
        """Return the query string of the next poll."""
        return "?" + urlencode({"q": self.query, "show": self.show, "seen": seen})


BLIND = ListProblem(
    "risk",
    "The terminal keeper does not respond, so agents that wait for you are not shown.",
    "Open terminals keep running. See Terminals for details.",
    "",
)


def seen(snapshot: Snapshot[Vm], now: float, faults: Sequence[str] = (), marks: Marks | None = NO_MARKS) -> str:
    """Return a value that changes whenever the page would: with the list, its problems, its marks or its ages."""
    last = faults[-1] if faults else ""
    trouble = "p" if snapshot.problem else ""
    waiting = "?" if marks is None else zlib.crc32(repr(sorted(marks.items())).encode()) if marks else ""
    return f"{snapshot.generation}-{int(steady(now))}{trouble}{last}{waiting}"


def cards_page(
    snapshot: Snapshot[Vm],
    wanted: ListQuery,
    now: float,
    disks: Mapping[str, int],
    host: int,
    faults: Sequence[str] = (),
    marks: Marks | None = NO_MARKS,
    load: Load = NO_LOAD,
) -> CardsPage:
    """Return the page of a snapshot. `disks`: bytes used by VM; `host`: bytes of memory of the host.

    `marks`: the terminals that wait for the user, None if they are not known. `load`: of running VMs and of the host.
    """
    known, marks = seen(snapshot, now, faults, marks), NO_MARKS if (is_blind := marks is None) else marks
    at = steady(now)
    every = tuple(
        card(vm, at, disks.get(vm.name, 0), _marks_of(vm, marks), load.plots.get(vm.name)) for vm in snapshot.vms
    )
    shown = tuple(one for one in every if wanted.shows(one))
    unsaved = sum("unsaved" in one.tags for one in every)
    return CardsPage(
        title=_title(every, unsaved, snapshot, sum(map(len, marks.values()))),
        heading=_heading(every, unsaved, snapshot),
        lead=" · ".join((_lead(snapshot.vms, disks, host), *load.host)),
        cards=shown,
        filters=_filters(every, wanted),
        query=wanted.query,
        problem=_problem(snapshot, now) or _fault(faults) or (BLIND if is_blind else None),
        poll=wanted.poll(known),
        seen=known,
        is_first_visit=not every and snapshot.generation > 0,
        is_filtered=bool(wanted.query or wanted.show),
        is_waiting=any(one.badge.tone == "bad" or one.problem or one.marks for one in every),
    )


def _heading(every: tuple[Card, ...], unsaved: int, snapshot: Snapshot[Vm]) -> str:
    if not snapshot.generation:
        return "Can't list VMs" if snapshot.problem is not None else "Listing VMs"
    if not every:
        return "No VMs yet"
    blind = sum(one.work is not None and one.work.tone == "blind" for one in every)
    clean = sum("clean" in one.tags for one in every)
    parts = [count(len(every), "VM", "VMs")]
    parts += [f"{unsaved} with unsaved work"] if unsaved else []
    parts += [f"{blind} not known"] if blind else []
    parts += ["no unsaved work found"] if clean and not (unsaved or blind) else []
    return ", ".join(parts)


def _marks_of(vm: Vm, marks: Marks) -> tuple[Mark, ...]:
    return marks.get(vm.name, ()) if vm.kind == "managed" else ()


def _title(every: tuple[Card, ...], unsaved: int, snapshot: Snapshot[Vm], waiting: int) -> str:
    if not snapshot.generation:
        return "? VMs · dvm"
    parts = [needs_you(waiting)] if waiting else []
    parts += [f"{unsaved} with unsaved work"] if unsaved else []
    return " · ".join((*(parts or [count(len(every), "VM", "VMs")]), "dvm"))


def _lead(vms: tuple[Vm, ...], disks: Mapping[str, int], host: int) -> str:
    if not vms:
        return "One VM per project."
    running = [vm for vm in vms if vm.status == "Running"]
    allocated = sum(meters.configured_size(vm)[1] for vm in running)
    most = sum(meters.configured_size(vm)[2] for vm in vms if vm.instance)
    used = sum(disks.values())
    facts = [f"{len(running)} running"]
    if running:
        facts.append(f"{size(allocated)} of {size(host)} memory allocated")
    if used:
        facts.append(f"{size(used)} of {size(most)} disk used")
    return " · ".join(facts)


def _filters(every: tuple[Card, ...], wanted: ListQuery) -> tuple[Filter, ...]:
    found = []
    for name, word in FILTERS.items():
        number = sum(not name or name in one.tags for one in every)
        query = "?" + urlencode({"show": name}) if name else ""
        found.append(Filter(name, word, number, query, wanted.show == name))
    return tuple(found)


def _fault(faults: Sequence[str]) -> ListProblem | None:
    if not faults:
        return None
    what = "A part of the dashboard failed, so its pages can be out of date."
    todo = f"Stop `dvm web` with Ctrl-C and start it again. If this happens again, report error ID {faults[-1]}."
    return ListProblem("bad", what, f"{todo} VMs, jobs and terminals keep running.", "")


def _problem(snapshot: Snapshot[Vm], now: float) -> ListProblem | None:
    error: DvmError | None = snapshot.problem
    if error is None:
        return None
    old = f" The list below was made {age(snapshot.at, now)}." if snapshot.at else ""
    tone = "info" if isinstance(error, NoEngine) else "bad"
    return ListProblem(tone, f"{sentence(error.what)}{old}", error.todo, error.command)
