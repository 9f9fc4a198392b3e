"""One verb on the selected VMs: asks where a stop ends terminals, queues the jobs, shows what became of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from dvmweb.errors import CheckFailed, DvmError, UsageError
from dvmweb.jobs.job_record import Job
from dvmweb.terminals import client
from dvmweb.verbs.several import record
from dvmweb.verbs.several.choosing import JOBS, why_not
from dvmweb.verbs.several.queue import Jobs
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.selected_views import WORDS, selected_page
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import listed
from dvmweb.web.ui.formatting import count
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.ui.selection import queue, selected_names

blueprint = Blueprint("list_selected_pages", __name__)
GONE = "There is no VM of this name any more."
ENDING = ("stop", "restart")  # verbs that end what runs in terminals
NOT_KNOWN = "which terminals are open is not known: the terminal keeper does not respond"


@blueprint.post("/selected")
def act() -> Response:
    """Queue the verb for each VM that it can change; a delete is decided on a page of its own."""
    verb, names = request.form.get("verb", ""), selected_names()
    if verb == "delete":
        return see_other(f"/delete-several?{urlencode([('vm', name) for name in names])}")
    if verb not in JOBS:
        raise UsageError("No verb is chosen.", "Choose one: sync, start, stop, restart or delete.")
    found = {vm.name: vm for vm in listed() if vm.kind != "unmanaged"}
    skipped = {name: why_not(verb, found[name]) if name in found else GONE for name in names}
    able = [found[name] for name in names if not skipped[name]]
    if verb in ENDING and not request.form.get("sure") and (used := _terminals_of(able)):
        return _ask(verb, names, used)
    kept = set[str]()
    if request.form.get("sure") == "others":  # those of the question, and those that have terminals only since
        kept = {*request.form.getlist("keep"), *(_terminals_of(able) if verb in ENDING else ())}
    skipped |= {vm.name: "It has open terminals." for vm in able if vm.name in kept}
    jobs: dict[str, Jobs] = {vm.name: [(one, {}) for one in JOBS[verb]] for vm in able if vm.name not in kept}
    return see_other(f"/selected/{queue().start(verb, jobs, {name: why for name, why in skipped.items() if why})}")


@blueprint.get("/selected/<run>")
def show(run: str) -> Response:
    """What became of each VM."""
    return _page("list/selected.html", run)


@blueprint.get("/selected/<run>/rows")
def rows(run: str) -> Response:
    """The polled part of that page."""
    return _page("list/_selected.html", run)


def _page(template: str, run: str) -> Response:
    found, jobs = record.read(context.vms().paths, run), dict[str, Job]()
    for part in found.parts:
        with suppress(DvmError):  # an old job is forgotten
            if part.job:
                jobs[part.job] = context.vms().job(part.job)
    return context.page(template, page=selected_page(found, jobs, time.time()))


def _terminals_of(vms: Sequence[Vm]) -> dict[str, str]:
    """Return by VM what would end, without a question to any guest: each open terminal counts as used."""
    running = [vm.name for vm in vms if vm.status == "Running"]
    try:
        every = client.list_terminals(context.vms()) if running else ()
    except CheckFailed:
        return dict.fromkeys(running, NOT_KNOWN)
    numbers = {name: sum(one.vm == name and not one.ended for one in every) for name in running}
    return {name: f"{count(number, 'open terminal', 'open terminals')}" for name, number in numbers.items() if number}


def _ask(verb: str, names: Sequence[str], used: dict[str, str]) -> Response:
    model = {"verb": verb, "word": WORDS[verb], "names": names, "used": used, "others": len(names) - len(used)}
    return context.page("list/selected_ask.html", 409, **model)
