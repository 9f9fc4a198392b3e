"""The list of all VMs, the part of it that is polled, and the help page."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, request

from dvmweb.config.legacy import bash_config_hint
from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.paths import limactl_program
from dvmweb.terminals import client
from dvmweb.vms import Vm, Vms
from dvmweb.web import house, terminal_view
from dvmweb.web.cards_view import Asked, CardsPage, Marks, cards_page, seen

blueprint = Blueprint("vms_pages", __name__)
DISKS = ("disk", "diffdisk")  # Lima 2.1 and newer, older ones


@dataclass(frozen=True)
class Help:
    """What the help page says about this computer."""

    why_demo: str
    is_chosen: bool  # the demo engine was asked for
    has_guide: bool  # Lima's own page comes before Homebrew, which few have on Linux
    limactl: str
    lima_home: str
    config: str
    state: str
    notes: tuple[str, ...]


@blueprint.get("/")
def index() -> Response:
    """All VMs as cards, with what the user should know about the config folder."""
    return house.page(
        "vms.html",
        page=_model(Asked.of(request.args)),
        notices=_notices(house.vms()),
        help=_help(house.vms()),
        alone=False,
    )


@blueprint.get("/cards")
def cards() -> Response:
    """The cards alone; 204 when the browser has them already."""
    asked = Asked.of(request.args)
    if asked.seen and asked.seen == seen(house.watch().snapshot(), time.time(), house.faults(), _marks()):
        return make_response("", 204)
    return house.page("_cards.html", page=_model(asked), help=_help(house.vms()), alone=True)


@blueprint.get("/healthz")
def health() -> Response:
    """For a program that watches: 200 while nothing has failed in the background, else 503 with the faults' ids."""
    faults = house.faults()
    answer = make_response(f"{len(faults)} faults: {' '.join(faults)}\n" if faults else "ok\n", 503 if faults else 200)
    answer.mimetype = "text/plain"
    return answer


@blueprint.get("/help")
def help_page() -> Response:
    """Keyboard, engine, folders, and how to install Lima."""
    return house.page("help.html", help=_help(house.vms()))


def _model(asked: Asked) -> CardsPage:
    snapshot = house.watch().snapshot()
    disks = {vm.name: disk_used(vm) for vm in snapshot.vms}
    return cards_page(snapshot, asked, time.time(), disks, _host_memory(), tuple(house.faults()), _marks())


def _marks() -> Marks | None:
    """Who needs somebody; None where nobody can say."""
    try:
        return terminal_view.marks(client.list_terminals(house.vms()))
    except CouldNotLook:
        return None


def disk_used(vm: Vm) -> int:
    """Bytes that the VM's disk takes on this computer; 0 where that is not known."""
    if vm.instance is None or not vm.instance.directory.startswith("/"):
        return 0
    for name in DISKS:
        with suppress(OSError):
            return os.stat(f"{vm.instance.directory}/{name}").st_blocks * 512  # noqa: PTH116
    return 0


def _host_memory() -> int:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0


def _notices(vms: Vms) -> tuple[str, ...]:
    from dvmweb.config.store import ConfigStore

    hint = bash_config_hint(vms.paths)
    with suppress(DvmError):
        return (*([hint] if hint else []), *(str(problem) for problem in ConfigStore(vms.paths).odd_files()))
    return (hint,) if hint else ()


def _help(vms: Vms) -> Help:
    program, notes = "", tuple[str, ...]()
    try:
        program = limactl_program(vms.environ)
    except DvmError as error:
        notes = (error.what, error.todo)
    is_chosen = vms.environ.get("DVM_ENGINE") == "demo"
    return Help(
        why_demo="You asked for it with DVM_ENGINE=demo." if is_chosen else "Lima was not found on this computer.",
        is_chosen=is_chosen,
        has_guide=sys.platform != "darwin",
        limactl=program,
        lima_home=str(vms.paths.lima_home),
        config=str(vms.paths.config),
        state=str(vms.paths.state),
        notes=notes,
    )
