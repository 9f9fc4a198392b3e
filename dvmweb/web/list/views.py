"""The list of all VMs as its page shows it: heading, filters, cards, and why the list is not current. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.errors import DvmError, NoEngine, sentence
from dvmweb.lima.watching import Snapshot
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.agents import NO_TERMINALS, Terminals
from dvmweb.web.list.card import Card, card
from dvmweb.web.list.filters import Choice, Filter, ListQuery, choices, filters
from dvmweb.web.list.table import Column, columns, ordered
from dvmweb.web.ui import meters
from dvmweb.web.ui.formatting import count, needs_you, size, steady
from dvmweb.web.ui.plots import Plot
from dvmweb.web.ui.preferences import USUAL_PREFERENCES, Preferences


@dataclass(frozen=True)
class Load:
    """The load of running VMs by name, and what the host has left in a few words."""

    plots: Mapping[str, Plot]
    host: tuple[str, ...] = ()


NO_LOAD = Load({})


@dataclass(frozen=True)
class ListProblem:
    """Why the list is not current."""

    tone: str
    what: str
    todo: str
    command: str


@dataclass(frozen=True)
class Row:
    """A VM in the list; one that the filters leave out is hidden, for a script to show it at once."""

    card: Card
    is_shown: bool


@dataclass(frozen=True)
class ListPage:
    """The list page and its polled part."""

    title: str  # of the tab
    heading: str
    lead: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    is_table: bool
    filters: tuple[Filter, ...]
    choices: tuple[Choice, ...]
    wanted: ListQuery
    problem: ListProblem | None
    seen: str  # sent with a poll; the same value means that nothing has changed
    is_first_visit: bool
    is_waiting: bool  # something needs the user's attention

    @property
    def cards(self) -> tuple[Card, ...]:
        """The VMs that the filters show."""
        return tuple(row.card for row in self.rows if row.is_shown)


BLIND = ListProblem(
    "risk",
    "The terminal keeper does not respond, so agents that wait for you are not shown.",
    "Open terminals keep running. See Terminals for details.",
    "",
)


def seen(
    snapshot: Snapshot[Vm],
    now: float,
    faults: Sequence[str] = (),
    terminals: Terminals | None = NO_TERMINALS,
    liked: Preferences = USUAL_PREFERENCES,
) -> str:
    """Return a value that changes whenever the page would: with the list, its problems, its terminals or its ages."""
    last = faults[-1] if faults else ""
    trouble = "p" if snapshot.problem else ""
    waiting = "?" if terminals is None else ""
    opened = terminals or NO_TERMINALS
    rest = repr((sorted(opened.marks.items()), sorted(opened.agents.items()), liked))
    return f"{snapshot.generation}-{int(steady(now))}{trouble}{last}{waiting}-{zlib.crc32(rest.encode())}"


def list_page(
    snapshot: Snapshot[Vm],
    wanted: ListQuery,
    now: float,
    disks: Mapping[str, int],
    host: int,
    faults: Sequence[str] = (),
    terminals: Terminals | None = NO_TERMINALS,
    liked: Preferences = USUAL_PREFERENCES,
    load: Load = NO_LOAD,
) -> ListPage:
    """Return the page of a snapshot. `disks`: bytes used by VM; `host`: bytes of memory of the host.

    `terminals`: those that are open, None if they are not known. `load`: of running VMs and of the host.
    """
    known, opened, at = seen(snapshot, now, faults, terminals, liked), terminals or NO_TERMINALS, steady(now)
    sort, is_descending = (wanted.sort, wanted.is_descending) if wanted.sort else (liked.sort, liked.is_descending)
    pairs = ((vm, _card(vm, at, disks.get(vm.name, 0), opened, load)) for vm in snapshot.vms)
    every = tuple(one for _, one in ordered(pairs, sort, is_descending=is_descending))
    unsaved = sum("unsaved" in one.tags for one in every)
    return ListPage(
        title=_title(every, unsaved, snapshot, sum(map(len, opened.marks.values()))),
        heading=_heading(every, unsaved, snapshot),
        lead=" · ".join((_lead(snapshot.vms, disks, host), *load.host)),
        rows=tuple(Row(one, wanted.shows(one)) for one in every),
        columns=columns(liked.columns, sort, is_descending=is_descending),
        is_table=liked.view == "table",
        filters=filters(every, wanted),
        choices=choices(every, wanted),
        wanted=wanted,
        problem=_problem(snapshot, now) or _fault(faults) or (BLIND if terminals is None else None),
        seen=known,
        is_first_visit=not every and snapshot.generation > 0,
        is_waiting=any(one.badge.tone == "bad" or one.problem or one.marks for one in every),
    )


def _card(vm: Vm, at: float, disk: int, terminals: Terminals, load: Load) -> Card:
    if vm.kind != "managed":
        return card(vm, at, disk)
    marks, opened = terminals.marks.get(vm.name, ()), terminals.agents.get(vm.name, ())
    return card(vm, at, disk, marks, load.plots.get(vm.name), opened)


def _heading(every: tuple[Card, ...], unsaved: int, snapshot: Snapshot[Vm]) -> str:
    if not snapshot.generation:
        return "Can't list VMs" if snapshot.problem is not None else "Listing VMs"
    if not every:
        return "No VMs yet"
    blind = sum("unknown" in one.tags for one in every)
    clean = sum("clean" in one.tags for one in every)
    parts = [count(len(every), "VM", "VMs")]
    parts += [f"{unsaved} with unsaved work"] if unsaved else []
    parts += [f"{blind} not known"] if blind else []
    parts += ["no unsaved work found"] if clean and not (unsaved or blind) else []
    return ", ".join(parts)


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
