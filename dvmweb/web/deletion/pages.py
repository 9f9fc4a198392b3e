"""The deletion page: the stored report with its age, what else is deleted, and the form to confirm."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest

from flask import Blueprint, Response, request

from dvmweb import states
from dvmweb.ages import is_older
from dvmweb.config.kinds import NOT_CHECKED
from dvmweb.errors import CheckFailed, DvmError, VmBusy
from dvmweb.lima.command_display import shown
from dvmweb.records import work_reports
from dvmweb.records.trash_records import DAYS
from dvmweb.terminals import client
from dvmweb.verbs.deletion_preview import config_digest, not_created, steps_of_delete
from dvmweb.verbs.monitor import check_again
from dvmweb.verbs.trash import entry_for
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.ui.disk import disk_used
from dvmweb.web.ui.find_vm import find_fresh, find_vm
from dvmweb.web.ui.formatting import size
from dvmweb.web.ui.redirects import to_job
from dvmweb.web.vms.pages import stored_key
from dvmweb.web.vms.status import ports
from dvmweb.web.vms.tab_views import key_view
from dvmweb.web.vms.work_views import WorkView, work_view

blueprint = Blueprint("deletion_pages", __name__)
CHANGED = "The unsaved-work report changed since you opened this page"
CONFIG_CHANGED = "The config changed since you opened this page"
AT_HAND = 2.0  # seconds for which a report counts as new
A_MOMENT = 3.0  # seconds that the page waits for a new report
NOT_TYPED = "The name does not match"
FOR_GOOD = "now"  # the value of the button that deletes for good


@dataclass(frozen=True)
class PlanStep:
    """One step of the delete, with its command."""

    title: str
    command: str


@dataclass(frozen=True)
class DeletePage:
    """What the page shows before a decision."""

    name: str
    title: str
    work: WorkView | None  # None: not checked yet
    needs_name: bool
    recheck: str  # whether the delete checks again: see `recheck`
    digest: str
    gone: tuple[tuple[str, str], ...]  # (label, what is deleted)
    steps: tuple[PlanStep, ...]  # of the move to the trash
    for_good: tuple[PlanStep, ...]  # of a delete for good
    no_trash: str  # why it cannot be moved to the trash, "" where it can
    problem: str  # why it cannot be deleted now, "" where it can
    todo: str
    is_protected: bool  # that is the problem
    is_running: bool
    job_id: str  # of the job that locks the VM, "" for none
    days: int  # until an entry of the trash expires
    config: str  # the digest of its config, sent back to remove it as well
    service_data: str  # what a check of a service VM does not cover, "" for a project


@blueprint.get("/vms/<name>/delete")
def ask(name: str) -> Response:
    """Show what would be lost; checks first if the guest responds quickly. Changes nothing in the VM."""
    found = find_vm(name)  # its list can be from before a restore
    vm = _must_exist(found if found.instance is not None else find_fresh(name))
    if check_now(vm):
        vm = context.vms().remembered(vm)
    return _page(vm)


def check_now(vm: Vm) -> bool:
    """Check a reachable VM with an old report, for at most `A_MOMENT`; return whether a check was started."""
    if not can_check_now(vm):
        return False
    check = threading.Thread(target=check_again, args=(context.vms(), vm), name="check", daemon=True)
    check.start()
    check.join(A_MOMENT)
    return True


def can_check_now(vm: Vm) -> bool:
    """Return whether a check would say more at once: the guest responds, and its report is not a new one."""
    must_check = vm.status == "Running" and vm.job is None and vm.reach is not None and vm.reach.answered
    is_at_hand = vm.known is not None and not vm.since and not is_older(vm.known.last.checked_at, AT_HAND, time.time())
    return must_check and not is_at_hand


@blueprint.post("/vms/<name>/delete")
def delete(name: str) -> Response:
    """Start the job that deletes the VM, if the report is the one shown and the name is typed where needed."""
    vm = _must_exist(find_fresh(name))
    if vm.job is not None:  # another request was faster, possibly this same form
        raise VmBusy(
            f"{name} is in use by a {vm.job.verb} job ({vm.job.id[:8]}).", "Nothing was changed.", job=vm.job.id
        )
    known = vm.known
    if known is None or not compare_digest(known.digest, field("report")):
        return _page(vm, 409, changed=CHANGED)
    config = field("config")
    if config and not compare_digest(_config(context.vms(), name), config):
        return _page(vm, 409, changed=CONFIG_CHANGED)
    if known.needs_name and field("name") != name:
        return _page(vm, 422, typed=NOT_TYPED)
    _refuse_protected(vm)
    check = recheck(context.vms(), vm) == "always" or bool(field("check"))
    trash = "" if field("how") == FOR_GOOD else entry_for(context.vms(), name)
    options = {"force": known.needs_name, "expected": known.bound_to, "check": check, "config": config}
    options["trash"] = trash
    return to_job(context.vms().start_job(name, "delete", options))


def recheck(vms: Vms, vm: Vm) -> str:
    """Return whether the delete checks again: "always", "asked" (a checkbox decides) or "never" (the VM cannot run).

    "checked at stop": not needed, because the job that stopped the VM found it clean and it has not run since.
    """
    if work_reports.clean_since_stop(vms.paths, vm.name, vm.instance) is not None:
        return "checked at stop"
    if vm.status == "Running" or vm.since or (vm.known is not None and not vm.known.needs_name):
        return "always"
    return "asked" if vm.status == "Stopped" else "never"


def field(name: str) -> str:
    """Return a field of the form, "" if it is not ASCII (compare_digest needs that)."""
    text = request.form.get(name, "")
    return text if text.isascii() else ""


def _must_exist(vm: Vm) -> Vm:
    if vm.instance is None:
        raise not_created(context.vms(), vm.name)
    return vm


def _refuse_protected(vm: Vm) -> None:
    if error := _protection(vm):
        raise error


def _protection(vm: Vm) -> DvmError | None:
    is_protected = vm.instance is not None and vm.instance.protected
    return states.protected(vm.name) if is_protected else None


def _page(vm: Vm, status: int = 200, *, changed: str = "", typed: str = "") -> Response:
    page = delete_page(context.vms(), vm)
    return context.page(
        "deletion/delete.html", status, page=page, changed=changed, typed=typed, typed_name=request.form.get("name", "")
    )


def delete_page(vms: Vms, vm: Vm) -> DeletePage:
    """Return what the page of a VM shows before a decision."""
    known = vm.known
    is_named = known is None or known.needs_name
    trouble = protection = _protection(vm)
    steps: tuple[PlanStep, ...] = ()
    is_running, no_trash = vm.status == "Running", ""
    try:
        for_good = _steps(vms, vm, "")
    except DvmError as error:  # a config with errors: the job would fail with the same error
        trouble, for_good = error, ()
    try:
        steps = _steps(vms, vm, entry_for(vms, vm.name))
    except DvmError as error:
        no_trash = error.what
    return DeletePage(
        name=vm.name,
        title=f"Delete {vm.name}? · dvm",
        work=work_view(known, time.time(), is_running=is_running) if known else None,
        needs_name=is_named,
        recheck=recheck(vms, vm),
        digest=known.digest if known else "",
        gone=_gone(vms, vm),
        steps=steps,
        for_good=for_good,
        no_trash=no_trash,
        problem=trouble.what if trouble else "",
        todo=trouble.todo if trouble else "",
        is_protected=trouble is not None and trouble is protection,
        is_running=is_running,
        job_id=vm.job.id if vm.job else "",
        days=DAYS,
        config=_config(vms, vm.name),
        service_data=_service_data(vm),
    )


def _steps(vms: Vms, vm: Vm, trash: str) -> tuple[PlanStep, ...]:
    """Return the steps with a command. Raises the error of the job that would be refused."""
    known = vm.known
    force, expected = known is None or known.needs_name, known.bound_to if known else ""
    found = steps_of_delete(vms, vm, force=force, expected=expected, trash=trash)
    return tuple(PlanStep(step.title, shown(step.argv)) for step in found)


def _config(vms: Vms, name: str) -> str:
    """Return the digest of the config, "" if it cannot be read; such a config is not removed."""
    with suppress(DvmError):
        return config_digest(vms, name)
    return ""


def _gone(vms: Vms, vm: Vm) -> tuple[tuple[str, str], ...]:
    """Return what is deleted with the VM besides work, as (label, what)."""
    rows = []
    if used := disk_used(vm):
        rows.append(("Disk", size(used)))
    if line := stored_key(vms, vm.name):
        rows.append(("SSH key", f"{key_view(line, '').fingerprint}; also remove it where you added it"))
    if open_ports := ports(vm):
        rows.append(("Ports", ", ".join(port.text for port in open_ports)))
    if number := _terminals(vms, vm.name):
        rows.append(("Terminals", f"{number} open"))
    elif number is None:
        rows.append(("Terminals", "not known: the terminal keeper does not respond"))
    if data := _service_data(vm):
        rows.append(("Not checked", data))
    return (*rows, ("Everything else", "packages, databases, files outside the code folder"))


def _service_data(vm: Vm) -> str:
    return NOT_CHECKED[vm.config.kind] if vm.config is not None and vm.config.is_service else ""


def _terminals(vms: Vms, name: str) -> int | None:
    """Return the number of open terminals of the VM; None if not known."""
    try:
        return sum(one.vm == name and not one.ended for one in client.list_terminals(vms))
    except CheckFailed:
        return None
