"""The deletion of several VMs: for each the facts of its own deletion page, and the confirmation that it needs there.

It is never easier than the deletion of one: all confirmations are checked before anything is started, and each VM goes
to the trash by a job of its own, which checks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from dvmweb.guest_text import visible
from dvmweb.verbs.monitor import check_again
from dvmweb.verbs.trash import entry_for
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.deletion.pages import A_MOMENT, DeletePage, can_check_now, delete_page, field, recheck
from dvmweb.web.ui import context
from dvmweb.web.ui.formatting import count
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.ui.selection import queue, selected_names

blueprint = Blueprint("deletion_several_pages", __name__)
CHECKS_AT_ONCE = 4  # as many guests as the list asks at once
NOT_TYPED = "The name does not match"
CHANGED = "This changed since you opened the page"


@dataclass(frozen=True)
class Doomed:
    """One of the VMs."""

    page: DeletePage
    why_not: str  # why it cannot be deleted here, "" where it can
    without: str  # the query string of the page without it
    typed: str = ""  # what is wrong with its typed name
    value: str = ""  # what was typed
    changed: str = ""


@blueprint.get("/delete-several")
def ask() -> Response:
    """Show for each VM what would be lost; those that respond are checked first, for a moment. Changes nothing."""
    names = selected_names()
    found = _found(names)
    if _check_now([vm for vm in found.values() if can_check_now(vm)]):
        found = {name: context.vms().remembered(vm) for name, vm in found.items()}
    return _page(names, found)


@blueprint.post("/delete-several")
def delete() -> Response:
    """Queue the deletes, if each VM's report is the one shown and each name is typed that its own page wants typed."""
    names = selected_names()
    found = _found(names)
    changed = {name: CHANGED for name in names if not _is_as_shown(found.get(name), field(f"report.{name}"))}
    if changed:
        return _page(names, found, 409, changed=changed)
    typed = {name: NOT_TYPED for name in names if _needs_name(found[name]) and field(f"name.{name}") != name}
    if typed:
        return _page(names, found, 422, typed=typed)
    jobs = {name: (("delete", _options(context.vms(), found[name])),) for name in names}
    return see_other(f"/selected/{queue().start('delete', jobs, {})}")


def _found(names: Sequence[str]) -> dict[str, Vm]:
    """Return the VMs from a new list; those that are gone or only have a config are left out."""
    every = {vm.name: vm for vm in context.vms().list_vms() if vm.kind != "unmanaged" and vm.instance is not None}
    return {name: every[name] for name in names if name in every}


def _check_now(vms: Sequence[Vm]) -> bool:
    """Check these guests, a few at once, for at most `A_MOMENT`; return whether a check was started."""
    waiting, until = list(vms), time.monotonic() + A_MOMENT

    def work() -> None:
        while waiting and time.monotonic() < until:
            check_again(context_vms, waiting.pop())

    context_vms = context.vms()
    threads = [threading.Thread(target=work, name="check", daemon=True) for _ in vms[:CHECKS_AT_ONCE]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return bool(threads)


def _needs_name(vm: Vm) -> bool:
    return vm.known is None or vm.known.needs_name


def _is_as_shown(vm: Vm | None, report: str) -> bool:
    """Return whether a VM can still be deleted and its report is the one that the form has."""
    if vm is None or vm.known is None or not compare_digest(vm.known.digest, report):
        return False
    return not _why_not(delete_page(context.vms(), vm))


def _options(vms: Vms, vm: Vm) -> dict[str, Any]:
    """Return the options of its job: those of its own page, with the check that is a choice there."""
    known = vm.known
    assert known is not None  # noqa: S101  (`_is_as_shown`)
    check = recheck(vms, vm) in ("always", "asked")
    force = known.needs_name
    return {"force": force, "expected": known.bound_to, "check": check, "config": "", "trash": entry_for(vms, vm.name)}


def _why_not(page: DeletePage) -> str:
    """Return why a VM cannot be deleted on this page, "" where it can."""
    if page.job_id:
        return "A job is running on it."
    if page.problem:
        return page.problem
    if page.work is None:
        return "It was not checked for unsaved work yet. Check it on its own page first."
    return page.no_trash


def _page(
    names: Sequence[str],
    found: Mapping[str, Vm],
    status: int = 200,
    *,
    typed: Mapping[str, str] = {},
    changed: Mapping[str, str] = {},
) -> Response:
    doomed = [_doomed(name, names, found[name], typed, changed) for name in names if name in found]
    able = tuple(one for one in doomed if not one.why_not)
    return context.page(
        "deletion/several.html",
        status,
        title=f"Delete {count(len(able), 'VM', 'VMs')}?",
        able=able,
        kept=tuple(one for one in doomed if one.why_not),
        gone=tuple(name for name in names if name not in found),
        has_changed=bool(changed),
        unsaved=sum(one.page.needs_name for one in able),
    )


def _doomed(name: str, names: Sequence[str], vm: Vm, typed: Mapping[str, str], changed: Mapping[str, str]) -> Doomed:
    others = urlencode([("vm", other) for other in names if other != name])
    page = delete_page(context.vms(), vm)
    value = visible(request.form.get(f"name.{name}", ""), 80)
    return Doomed(page, _why_not(page), others, typed.get(name, ""), value, changed.get(name, ""))
