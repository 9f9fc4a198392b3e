"""The deletion page: the stored report with its age, what goes with the VM, and the form that decides."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from hmac import compare_digest

from flask import Blueprint, Response, request

from dvmweb.config.kinds import NOT_LOOKED
from dvmweb.deleting import steps_of_delete
from dvmweb.errors import CouldNotLook, DvmError, NotFound, UsageError, VmBusy
from dvmweb.jobs.stored import is_older
from dvmweb.lima.entering import shown
from dvmweb.plans import BLIND
from dvmweb.rounds import look_again
from dvmweb.terminals import client
from dvmweb.vms import Vm, Vms
from dvmweb.web import house
from dvmweb.web.finding import find_fresh, find_vm
from dvmweb.web.job_pages import to_job
from dvmweb.web.views import ports
from dvmweb.web.vm_pages import stored_key
from dvmweb.web.vm_view import key_view
from dvmweb.web.vms_pages import disk_used
from dvmweb.web.wording import size
from dvmweb.web.work_view import WorkView, needs_name, work_view
from dvmweb.work import Verdict, WorkReport

blueprint = Blueprint("delete_pages", __name__)
CHANGED = "What is known of its work has changed since you saw it"
AT_HAND = 2.0  # seconds for which a report is as good as a new look
A_MOMENT = 3.0  # seconds that the page waits for a new one
NOT_TYPED = "That is not its name, letter by letter"


@dataclass(frozen=True)
class PlanStep:
    """One step of the delete, with its command."""

    title: str
    command: str


@dataclass(frozen=True)
class DeletePage:
    """All that one must know to decide."""

    name: str
    title: str
    work: WorkView | None  # None: nobody has looked
    needs_name: bool
    looks: str  # "always", "asked" or "never": whether the delete looks again
    digest: str
    gone: tuple[tuple[str, str], ...]  # (word, what)
    steps: tuple[PlanStep, ...]
    problem: str  # why it cannot be deleted now, "" where it can
    todo: str
    is_running: bool
    has_run_since: bool  # it was looked into
    job_id: str  # that holds the VM, "" for none
    service_data: str  # what of a service nobody looks at, "" for a project's VM


@blueprint.get("/vms/<name>/delete")
def ask(name: str) -> Response:
    """What would be lost, looked at now where that takes a moment. Changes nothing in the VM."""
    vm = _must_exist(find_vm(name))
    if _look_now(vm):
        vm = house.vms().remembered(vm)
    return _page(vm)


def _look_now(vm: Vm) -> bool:
    """Ask a VM that answers, where its report is not of this moment; a guest that takes longer keeps nobody waiting."""
    is_asked = vm.status == "Running" and vm.job is None and vm.reach is not None and vm.reach.answered
    if not is_asked or (vm.work is not None and not is_older(vm.work.looked_at, AT_HAND, time.time())):
        return False
    look = threading.Thread(target=look_again, args=(house.vms(), vm), name="look", daemon=True)
    look.start()
    look.join(A_MOMENT)
    return True


@blueprint.post("/vms/<name>/delete")
def delete(name: str) -> Response:
    """Delete, when the report is the one that was seen and the name is typed where it must be; a job does it."""
    vm = _must_exist(find_fresh(name))
    if vm.job is not None:  # somebody was faster, perhaps this very form
        raise VmBusy(
            f"{name} is held by a {vm.job.verb} (job {vm.job.id[:8]}).", "Nothing was changed by this.", job=vm.job.id
        )
    report = house.vms().stored_work(vm)
    if report is None or not compare_digest(report.facts_hash(), _field("report")):
        return _page(vm, 409, changed=CHANGED)
    if needs_name(report) and _field("name") != name:
        return _page(vm, 422, typed=NOT_TYPED)
    _refuse_protected(vm)
    looks = _looks(vm, report) == "always" or bool(_field("look"))
    options = {"force": needs_name(report), "expected": _expected(report), "look": looks}
    return to_job(house.vms().start_job(name, "delete", options))


def _expected(report: WorkReport) -> str:
    """What the last look must find; the reasons for which nobody could look differ from time to time."""
    return BLIND if report.verdict is Verdict.COULD_NOT_LOOK else report.facts_hash()


def _looks(vm: Vm, report: WorkReport | None) -> str:
    """Whether the delete looks again: "always", as it is "asked", or "never" where there is nobody to ask."""
    if vm.status == "Running" or vm.has_run_since or (report is not None and not needs_name(report)):
        return "always"
    return "asked" if vm.status == "Stopped" else "never"


def _field(name: str) -> str:
    """A field of the form as ASCII that can be compared; anything else is as good as nothing."""
    text = request.form.get(name, "")
    return text if text.isascii() else ""


def _must_exist(vm: Vm) -> Vm:
    if vm.instance is None:
        raise NotFound(
            f"{vm.name} has no VM that could be deleted: it is not created.",
            "Its config can be removed by hand, if you want it gone.",
        )
    return vm


def _refuse_protected(vm: Vm) -> None:
    what, todo = _protection(vm)
    if what:
        raise UsageError(what, todo)


def _protection(vm: Vm) -> tuple[str, str]:
    if vm.instance is None or not vm.instance.protected:
        return "", ""
    command = f"limactl unprotect {vm.instance.name}"
    return f"{vm.name} is protected, so Lima refuses to delete it.", f"Take the protection away first: {command}"


def _page(vm: Vm, status: int = 200, *, changed: str = "", typed: str = "") -> Response:
    page = _model(house.vms(), vm)
    return house.page(
        "delete.html", status, page=page, changed=changed, typed=typed, typed_name=request.form.get("name", "")
    )


def _model(vms: Vms, vm: Vm) -> DeletePage:
    report = vms.stored_work(vm)
    is_named = report is None or needs_name(report)
    problem, todo = _protection(vm)
    steps: tuple[PlanStep, ...] = ()
    digest, looks = report.facts_hash() if report else "", _looks(vm, report)
    try:
        found = steps_of_delete(vms, vm, force=is_named, expected=digest)
        steps = tuple(PlanStep(step.title, shown(step.argv)) for step in found)
    except DvmError as error:  # a config with errors: the job would refuse with the same words
        problem, todo = error.what, error.todo
    return DeletePage(
        name=vm.name,
        title=f"Delete {vm.name}? · dvm",
        work=work_view(report, time.time()) if report else None,
        needs_name=is_named,
        looks=looks,
        digest=digest,
        gone=_gone(vms, vm),
        steps=steps,
        problem=problem,
        todo=todo,
        is_running=vm.status == "Running",
        has_run_since=vm.has_run_since,
        job_id=vm.job.id if vm.job else "",
        service_data=_service_data(vm),
    )


def _gone(vms: Vms, vm: Vm) -> tuple[tuple[str, str], ...]:
    """What goes with the VM beside work, as (word, what)."""
    told = []
    if used := disk_used(vm):
        told.append(("Disk", size(used)))
    if line := stored_key(vms, vm.name):
        told.append(("SSH key", f"{key_view(line, '').fingerprint}; remove it where you have pasted it"))
    if open_ports := ports(vm):
        told.append(("Ports", ", ".join(port.text for port in open_ports)))
    if number := _terminals(vms, vm.name):
        told.append(("Terminals", f"{number} open"))
    elif number is None:
        told.append(("Terminals", "nobody can say: their keeper does not answer"))
    if data := _service_data(vm):
        told.append(("Not looked at", data))
    return (*told, ("The rest", "packages, databases, files outside the code folder"))


def _service_data(vm: Vm) -> str:
    return NOT_LOOKED[vm.config.kind] if vm.config is not None and vm.config.is_service else ""


def _terminals(vms: Vms, name: str) -> int | None:
    """How many terminals are open in the VM; None where nobody can say."""
    try:
        return sum(one.vm == name and not one.ended for one in client.list_terminals(vms))
    except CouldNotLook:
        return None
