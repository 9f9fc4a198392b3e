"""The tab *Logs*: the journal of the guest, its consoles and Lima's own files; searched, followed, downloaded."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, request

from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.verbs import logs
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.tabs import log_views
from dvmweb.web.tabs.frame import vm_page
from dvmweb.web.tabs.log_views import FILES, JOURNAL, LogsView
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm

blueprint = Blueprint("tabs_log_pages", __name__)
LINES = 1000
TAIL_BYTES = 256_000
LINE = 2000  # characters


@dataclass(frozen=True)
class Read:
    """The last lines of a source, safe to show."""

    lines: tuple[str, ...]
    cut: str = ""


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """One source, by default the journal of a running VM and the console of another."""
    known: tuple[str, ...] = ()
    with suppress(DvmError):  # a config with errors: its units are not known, the rest is
        known = logs.units_of(vms, vm.name)
    source = request.args.get("source", "") or _first(vms, vm, known)
    query = request.args.get("q", "")[: log_views.MOST_QUERY]
    is_followed = request.args.get("follow", "") == "1"
    read, problem = Read(()), None
    try:
        read = _read(vms, vm.name, source, known)
    except UsageError:
        raise
    except DvmError as error:
        problem = error
    lines, hits = log_views.marked(read.lines, query)
    every = log_views.sources(known, source)
    title = next((one.text for one in every if one.is_current), visible(source.removeprefix("unit:"), 60))
    return {
        "logs": LogsView(
            vm.name, source, title, every, is_followed and problem is None, query, lines, hits, read.cut, problem
        )
    }


def _first(vms: Vms, vm: Vm, units: tuple[str, ...]) -> str:
    """The source that is shown first: of a service its unit, else the journal where there is one."""
    if vm.config is not None and vm.config.is_service and units:
        return f"unit:{units[0]}"
    if vms.paths.is_demo:  # its guests keep no journal and have no console
        return "ha.stderr.log"
    return JOURNAL if vm.status == "Running" else "serial.log"


@blueprint.get("/vms/<name>/log")
def show(name: str) -> Response:
    """The tab: the address that the log of a service has."""
    vm = find_vm(name)
    return vm_page(vm, "logs", tab(context.vms(), vm, time.time()))


@blueprint.get("/vms/<name>/log/lines")
def lines(name: str) -> Response:
    """The lines alone, for the page itself."""
    vm = find_vm(name)
    return context.page("tabs/_log_lines.html", **tab(context.vms(), vm, time.time()))


@blueprint.get("/vms/<name>/log/text")
def download(name: str) -> Response:
    """What the tab shows of a source, as a text file."""
    vms, vm = context.vms(), find_vm(name)
    source = request.args.get("source", "") or JOURNAL
    known: tuple[str, ...] = ()
    with suppress(DvmError):
        known = logs.units_of(vms, vm.name)
    read = _read(vms, vm.name, source, known)
    response = make_response("".join(f"{line}\n" for line in read.lines))
    stem = source.removeprefix("unit:").removesuffix(".log")
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{vm.name}-{stem}.txt"'
    return response


def _read(vms: Vms, name: str, source: str, known: tuple[str, ...]) -> Read:
    """The last lines of a source. Raises UsageError for what is none, NotFound, CheckFailed."""
    if source in FILES:
        return _file(vms, name, source)
    if source == JOURNAL:
        what = logs.Wanted((), LINES)
    elif unit := source.removeprefix("unit:") if source.startswith("unit:") else "":
        what = logs.wanted(known, unit, LINES)
    else:
        raise UsageError(f"There is no log {visible(source, 60)!r}.", "Choose one of the list.")
    return tail(logs.read(vms, name, what, is_quiet=True))


def _file(vms: Vms, name: str, source: str) -> Read:
    with logs.boot_files(vms, name) as files:
        end = files.end(source, TAIL_BYTES)
    if end is None:
        raise NotFound(f"{name} has no {source}: {_WHY.get(source, 'Lima writes it when the VM starts')}.", "")
    every = [line if len(line) <= LINE else f"{line[:LINE]}…" for line in logs.readable(source, end.data)]
    return _last(every, is_cut=end.size > len(end.data))


_WHY = {
    "serialv.log": "only VMs with a virtio console (driver vz) write it",
    "serialp.log": "only ARM VMs of QEMU write it",
}


def tail(data: bytes) -> Read:
    """Return the last lines of a journal, safe to show; a guest can send any amount."""
    kept = data[-TAIL_BYTES:]
    is_cut = len(data) > len(kept)
    whole = kept.split(b"\n", 1)[-1] if is_cut and b"\n" in kept else kept
    every = log_lines(whole, LINE).removesuffix("\n").split("\n") if whole else []
    return _last(every, is_cut=is_cut, is_full=len(every) >= LINES)


def _last(every: list[str], *, is_cut: bool, is_full: bool = False) -> Read:
    kept = tuple(every[-LINES:])
    if len(every) > LINES or is_full:
        return Read(kept, f"The last {LINES} lines. Older ones are not shown.")
    return Read(kept, f"The last {TAIL_BYTES // 1000} kB. Older lines are not shown." if is_cut else "")
