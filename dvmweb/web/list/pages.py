"""The list of all VMs, its polled part, and the help page."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, request

from dvmweb.config import stray_files
from dvmweb.config.legacy import bash_config_hint
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.lima.watching import Snapshot
from dvmweb.paths import limactl_program
from dvmweb.records import load_samples
from dvmweb.terminals import client
from dvmweb.verbs import checkpoints, trash
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.list.agents import Terminals, of_terminals
from dvmweb.web.list.filters import ListQuery
from dvmweb.web.list.views import ListPage, Load, list_page, seen
from dvmweb.web.ui import context
from dvmweb.web.ui.disk import disk_used
from dvmweb.web.ui.host_left import host_left
from dvmweb.web.ui.plots import cpu_of_hour
from dvmweb.web.ui.preferences import COLUMNS

blueprint = Blueprint("list_pages", __name__)


@dataclass(frozen=True)
class Help:
    """What the help page shows about the engine and the folders."""

    why_demo: str
    is_chosen: bool  # the demo engine was requested with DVM_ENGINE
    has_guide: bool  # show Lima's own guide first: few have Homebrew on Linux
    limactl: str
    lima_home: str
    config: str
    state: str
    notes: tuple[str, ...]


@blueprint.get("/")
def index() -> Response:
    """All VMs as cards or as a table, with notices about the config folder."""
    return context.page(
        "list/list.html",
        all_columns=COLUMNS,
        page=_model(ListQuery.of(request.args), context.watch().snapshot(), _terminals()),
        notices=_notices(context.vms()),
        help=_help(context.vms()),
        trash=trash.count(context.vms()),
        checkpoints=checkpoints.count(context.vms().paths),
        alone=False,
    )


@blueprint.get("/cards")
def cards() -> Response:
    """The cards or the table alone; 204 when nothing has changed since the last poll."""
    wanted = ListQuery.of(request.args)
    snapshot, faults, liked, terminals = (
        context.watch().snapshot(),
        context.faults(),
        context.preferences(),
        _terminals(),
    )
    if wanted.seen and wanted.seen == seen(snapshot, time.time(), faults, terminals, liked):
        return make_response("", 204)
    page = _model(wanted, snapshot, terminals)
    return context.page("list/_list.html", page=page, help=_help(context.vms()), alone=True)


@blueprint.get("/healthz")
def health() -> Response:
    """For monitoring: 200 if nothing has failed in the background, else 503 with the error IDs."""
    faults = context.faults()
    answer = make_response(f"{len(faults)} faults: {' '.join(faults)}\n" if faults else "ok\n", 503 if faults else 200)
    answer.mimetype = "text/plain"
    return answer


@blueprint.get("/help")
def help_page() -> Response:
    """Keyboard, engine, folders, and how to install Lima."""
    return context.page("ui/help.html", help=_help(context.vms()))


def _model(wanted: ListQuery, snapshot: Snapshot[Vm], terminals: Terminals | None) -> ListPage:
    disks = {vm.name: disk_used(vm) for vm in snapshot.vms}
    now, faults, liked = time.time(), tuple(context.faults()), context.preferences()
    load = _load(snapshot.vms, now)
    return list_page(snapshot, wanted, now, disks, _host_memory(), faults, terminals, liked, load)


def _load(vms: tuple[Vm, ...], now: float) -> Load:
    """Return the CPU of running VMs in the last hour, and what the host has left."""
    paths = context.vms().paths
    hours = {vm.name: load_samples.read(paths, vm.name, now).hour for vm in vms if vm.status == "Running"}
    return Load(
        {name: cpu_of_hour(hour, now) for name, hour in hours.items()},
        host_left((paths.lima_home, paths.state)) if vms else (),
    )


def _terminals() -> Terminals | None:
    """Return the open terminals; None if the keeper does not respond."""
    try:
        return of_terminals(client.list_terminals(context.vms()))
    except CheckFailed:
        return None


def _host_memory() -> int:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0


def _notices(vms: Vms) -> tuple[str, ...]:
    hint = bash_config_hint(vms.paths)
    with suppress(DvmError):
        return (*([hint] if hint else []), *(str(problem) for problem in stray_files.problems(vms.paths)))
    return (hint,) if hint else ()


def _help(vms: Vms) -> Help:
    program, notes = "", tuple[str, ...]()
    try:
        program = limactl_program(vms.environ)
    except DvmError as error:
        notes = (error.what, error.todo)
    is_chosen = vms.environ.get("DVM_ENGINE") == "demo"
    return Help(
        why_demo="The demo was selected with `DVM_ENGINE=demo`." if is_chosen else "Lima was not found on the host.",
        is_chosen=is_chosen,
        has_guide=sys.platform != "darwin",
        limactl=program,
        lima_home=str(vms.paths.lima_home),
        config=str(vms.paths.config),
        state=str(vms.paths.state),
        notes=notes,
    )
