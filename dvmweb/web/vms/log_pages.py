"""The page that shows the last journal lines of a VM's services, refreshed while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.verbs import logs
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm

blueprint = Blueprint("vms_log_pages", __name__)
LINES = 200
TAIL_BYTES = 64_000
LINE = 2000  # characters


@dataclass(frozen=True)
class Unit:
    """A unit whose journal can be shown."""

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
    poll: str  # the query string of the next poll


@blueprint.get("/vms/<name>/log")
def show(name: str) -> Response:
    """The journal of one unit, or of all that the recipes name; with `part` only the lines."""
    vm, unit = find_vm(name), request.args.get("unit", "")
    known: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    problem = None
    try:
        known = logs.units_of(context.vms(), vm.name)
        what = logs.wanted(known, unit, LINES)
        lines = tail(logs.read(context.vms(), vm.name, what, is_quiet=True))
    except UsageError:  # not a unit, or a config with errors: there is no such page
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
    is_part = request.args.get("part") == "1" and context.is_htmx()
    return context.page("vms/_service_log.html" if is_part else "vms/service_log.html", page=page)


def tail(data: bytes) -> tuple[str, ...]:
    """Return the last lines, safe to show; a guest can send any amount."""
    kept = data[-TAIL_BYTES:]
    whole = kept.split(b"\n", 1)[-1] if len(data) > len(kept) and b"\n" in kept else kept
    return tuple(log_lines(whole, LINE).removesuffix("\n").split("\n")[-LINES:]) if whole else ()


def _units(known: tuple[str, ...], unit: str) -> tuple[Unit, ...]:
    every = Unit("All services", "", not unit)
    named = tuple(Unit(one, "?" + urlencode({"unit": one}), one == unit) for one in known)
    return (every, *named) if len(known) > 1 else ()
