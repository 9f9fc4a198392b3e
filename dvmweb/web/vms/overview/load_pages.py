"""The tab Load of a VM, and its part that is polled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

from dvmweb.errors import CheckFailed
from dvmweb.jobs import job_record
from dvmweb.records import agent_turns, load_samples
from dvmweb.records.agent_turns import Turn
from dvmweb.terminals import client
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.ui.meters import configured_size
from dvmweb.web.ui.plots import DAY
from dvmweb.web.vms.overview.load_views import LoadView, load_view

blueprint = Blueprint("overview_load_pages", __name__)


@blueprint.get("/vms/<name>/load")
def part(name: str) -> Response:
    """The plots alone; with `card` those of the overview."""
    vm = find_vm(name)
    template = "vms/overview/_load_card.html" if request.args.get("card") == "1" else "vms/overview/_load.html"
    return context.page(template, vm=vm, **tab(context.vms(), vm, time.time()))


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """The model of the tab."""
    terminals, _ = open_terminals(vms)
    return {"load": view(vms, vm, now, turns(vms, vm.name, now, terminals))}


def view(vms: Vms, vm: Vm, now: float, turns_of_vm: Sequence[Turn]) -> LoadView:
    """The view of the span that the address asks for."""
    return load_view(
        load_samples.read(vms.paths, vm.name, now),
        configured_size(vm),
        (job_record.of_vm_since(vms.paths, vm.name, now - DAY), turns_of_vm),
        now,
        request.args.get("span", ""),
        is_running=vm.status == "Running",
    )


def turns(vms: Vms, name: str, now: float, terminals: Iterable[TerminalFacts]) -> tuple[Turn, ...]:
    """The turns of the last day, and those that go on now in open terminals."""
    going_on = [(one.command, one.turn) for one in terminals if one.vm == name and not one.ended]
    return agent_turns.with_open(vms.paths, name, now, going_on)


def open_terminals(vms: Vms) -> tuple[tuple[TerminalFacts, ...], bool]:
    """Return the terminals, and whether they are not known."""
    with suppress(CheckFailed):
        return client.list_terminals(vms), False
    return (), True
