"""The page that shows the journal of a VM's services: its last lines, asked anew while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from dvmweb import journals
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.web import house
from dvmweb.web.finding import find_vm

blueprint = Blueprint("journal_pages", __name__)
LINES = 200
TAIL_BYTES = 64_000
LINE = 2000  # characters


@dataclass(frozen=True)
class Unit:
    """A unit that can be looked at."""

    text: str
    query: str
    is_current: bool


@dataclass(frozen=True)
class JournalPage:
    """The last lines, or why there are none."""

    vm: str
    title: str
    units: tuple[Unit, ...]
    lines: tuple[str, ...]
    problem: DvmError | None
    poll: str  # the query string of the next look


@blueprint.get("/vms/<name>/log")
def show(name: str) -> Response:
    """The journal of one unit, or of all that the recipes name; with `part` the lines alone."""
    vm, unit = find_vm(name), request.args.get("unit", "")
    known: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    problem = None
    try:
        known = journals.units_of(house.vms(), vm.name)
        what = journals.wanted(known, unit, LINES)
        lines = tail(journals.read(house.vms(), vm.name, what, is_quiet=True))
    except UsageError:  # a word that is no unit, or a config with errors: this page is not there
        raise
    except DvmError as error:
        problem = error
    page = JournalPage(
        vm=vm.name,
        title=f"Log of {visible(unit, 60) or vm.name}",
        units=_units(known, unit),
        lines=lines,
        problem=problem,
        poll="?" + urlencode({"unit": unit, "part": "1"}),
    )
    is_part = request.args.get("part") == "1" and house.is_htmx()
    return house.page("_journal.html" if is_part else "journal.html", page=page)


def tail(data: bytes) -> tuple[str, ...]:
    """The last lines as text that only shows; a guest may have sent as much as it likes."""
    kept = data[-TAIL_BYTES:]
    whole = kept.split(b"\n", 1)[-1] if len(data) > len(kept) and b"\n" in kept else kept
    return tuple(log_lines(whole, LINE).removesuffix("\n").split("\n")[-LINES:]) if whole else ()


def _units(known: tuple[str, ...], unit: str) -> tuple[Unit, ...]:
    every = Unit("All of them", "", not unit)
    named = tuple(Unit(one, "?" + urlencode({"unit": one}), one == unit) for one in known)
    return (every, *named) if len(known) > 1 else ()
