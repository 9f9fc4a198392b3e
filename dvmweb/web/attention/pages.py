"""Needs attention: the page, its polled part, the number for every page, and the forms that snooze an item."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request

from dvmweb.errors import CheckFailed, DvmError, UsageError
from dvmweb.jobs.history.recent import RecentJobs
from dvmweb.lima.watching import Snapshot
from dvmweb.records import agent_turns, snoozes
from dvmweb.terminals import client
from dvmweb.terminals.agents import AGENTS
from dvmweb.verbs import attention
from dvmweb.verbs.attention import Facts, Item
from dvmweb.verbs.recipes import RecipeLibrary
from dvmweb.verbs.recipes.usage import Use
from dvmweb.verbs.vms import Vm
from dvmweb.web.attention import views
from dvmweb.web.jobs.signs import signs
from dvmweb.web.ui import context
from dvmweb.web.ui.disk import disk_used
from dvmweb.web.ui.redirects import see_other

blueprint = Blueprint("attention_pages", __name__)
USES_AGE = 30.0  # seconds for which the uses of recipes are kept; reading them opens every config
ID = re.compile(r"[0-9a-f]{24}")


@blueprint.get("/attention")
def index() -> Response:
    """Everything that needs attention, filtered by `show`."""
    return context.page("attention/attention.html", page=_page(), hours=views.HOURS, alone=False)


@blueprint.get("/attention/rows")
def rows() -> Response:
    """The part of the page that is polled."""
    return context.page("attention/_items.html", page=_page(), hours=views.HOURS, alone=True)


@blueprint.get("/attention/needing")
def needing() -> Response:
    """The items as JSON: for the number on every page, and for notifications; and the jobs that run or ended lately.

    `is_blind`: which terminals wait is not known.
    """
    found, is_blind = _items(context.watch().snapshot())
    snoozed = snoozes.read(context.vms().paths, time.time())
    jobs = current_app.extensions.setdefault("dvm_recent_jobs", RecentJobs(context.vms().paths)).jobs()
    of_jobs = signs(jobs, time.time())
    return jsonify({"needing": views.needing(found, snoozed), "is_blind": is_blind, "jobs": of_jobs})


@blueprint.post("/attention/<name>/snooze")
def snooze(name: str) -> Response:
    """Snooze an item for the `hours` of the form; 0 shows it again."""
    hours, now = request.form.get("hours", ""), time.time()
    if not ID.fullmatch(name) or not (hours == "0" or hours in views.HOURS):
        raise UsageError("This is not an item that can be snoozed for that time.", "Choose one from the list.")
    if hours == "0":
        snoozes.end(context.vms().paths, name, now)
        return see_other(f"/attention?show={views.SNOOZED}")
    snoozes.snooze(context.vms().paths, name, now + 3600 * int(hours), now)
    return see_other("/attention")


def _page() -> views.AttentionPage:
    snapshot = context.watch().snapshot()
    found, is_blind = _items(snapshot)
    now = time.time()
    snoozed = snoozes.read(context.vms().paths, now)
    number = sum(vm.kind != "unmanaged" for vm in snapshot.vms)
    return views.attention_page(found, snoozed, number, now, request.args.get("show", ""), is_blind=is_blind)


def _items(snapshot: Snapshot[Vm]) -> tuple[tuple[Item, ...], bool]:
    """Return all items, and whether those of terminals are not known."""
    vms, terminals, is_blind = snapshot.vms, tuple[client.TerminalFacts, ...](), False
    try:
        terminals = client.list_terminals(context.vms())
    except CheckFailed:
        is_blind = True
    disks, now = {vm.name: disk_used(vm) for vm in vms}, time.time()
    paths, agents = context.vms().paths, {one.vm for one in terminals if one.command in AGENTS}
    turns = {name: agent_turns.read(paths, name, now - agent_turns.DAY, now) for name in agents}
    found = attention.items(Facts(vms, now, terminals, _uses(vms), disks, turns))
    is_whole = snapshot.generation > 0 and snapshot.problem is None and not any(vm.job for vm in vms)
    if is_whole and not is_blind:  # a job hides the items of its VM
        snoozes.keep_only(context.vms().paths, {snoozes.digest(one.key) for one in found}, now)
    return found, is_blind


def _uses(vms: Sequence[Vm]) -> Mapping[str, Sequence[Use]]:
    """Return the uses of recipes, read at most twice a minute."""
    now = time.monotonic()
    kept = current_app.extensions.get("dvm_uses")
    if kept is None or now - kept[0] > USES_AGE:
        found: Mapping[str, Sequence[Use]] = {}
        with suppress(DvmError):  # a folder of recipes that cannot be read is shown on the page of recipes
            found = RecipeLibrary(context.vms().paths, context.vms().environ).uses(vms).by_recipe
        kept = current_app.extensions["dvm_uses"] = (now, found)
    return cast("Mapping[str, Sequence[Use]]", kept[1])
