"""The page of a rewind: what would be lost, as on the page of a delete, and the form to confirm."""

from __future__ import annotations

import time
from hmac import compare_digest

from flask import Blueprint, Response, request

from dvmweb import states
from dvmweb.errors import VmBusy
from dvmweb.records.trash_records import DAYS
from dvmweb.verbs import checkpoints
from dvmweb.verbs.checkpoints import Checkpoint
from dvmweb.verbs.vms import Vm
from dvmweb.web.deletion.checkpoint_pages import find, view
from dvmweb.web.deletion.pages import CHANGED, NOT_TYPED, check_now, field, recheck
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_fresh
from dvmweb.web.ui.redirects import to_job
from dvmweb.web.vms.work_views import work_view

blueprint = Blueprint("deletion_rewind_pages", __name__)


@blueprint.get("/checkpoints/<checkpoint>/rewind")
def ask(checkpoint: str) -> Response:
    """Show what would be lost; checks first if the guest responds quickly. Changes nothing in the VM."""
    one = find(checkpoint)
    vm = _vm_of(one)
    if vm is not None and check_now(vm):
        vm = context.vms().remembered(vm)
    return _page(one, vm)


@blueprint.post("/checkpoints/<checkpoint>/rewind")
def rewind(checkpoint: str) -> Response:
    """Start the job, if the report is the one shown and the name is typed where needed."""
    one, vms = find(checkpoint), context.vms()
    vm, config = _vm_of(one), bool(request.form.get("config"))
    if vm is None or vm.instance is None:  # there is nothing to lose
        return to_job(checkpoints.rewind(vms, one, force=False, config=config))
    if vm.job is not None:
        what = f"{vm.name} is in use by a {vm.job.verb} job ({vm.job.id[:8]})."
        raise VmBusy(what, "Nothing was changed.", job=vm.job.id)
    known = vm.known
    if known is None or not compare_digest(known.digest, field("report")):
        return _page(one, vm, 409, changed=CHANGED)
    if known.needs_name and field("name") != vm.name:
        return _page(one, vm, 422, typed=NOT_TYPED)
    if vm.instance.protected:
        raise states.protected(vm.name)
    check = recheck(vms, vm) == "always" or bool(field("check"))
    force, expected = known.needs_name, known.bound_to
    return to_job(checkpoints.rewind(vms, one, force=force, expected=expected, check=check, config=config))


def _vm_of(one: Checkpoint) -> Vm | None:
    """The VM of a checkpoint from a new list, None if it has no config. Raises NotNow if only that is missing."""
    if one.record.vm:
        checkpoints.is_created(context.vms(), one.record.vm)
    return find_fresh(one.record.vm) if one.record.vm and context.vms().has_config(one.record.vm) else None


def _page(one: Checkpoint, vm: Vm | None, status: int = 200, *, changed: str = "", typed: str = "") -> Response:
    vms, now = context.vms(), time.time()
    known, is_created = (vm.known, vm.instance is not None) if vm is not None else (None, False)
    is_running = vm is not None and vm.status == "Running"
    return context.page(
        "deletion/rewind.html",
        status,
        one=view(one, now),
        name=one.record.vm,
        is_created=is_created,
        is_running=is_running,
        is_protected=bool(vm and vm.instance and vm.instance.protected),
        work=work_view(known, now, is_running=is_running) if known else None,
        needs_name=known is None or known.needs_name,
        recheck=recheck(vms, vm) if vm is not None and is_created else "never",
        digest=known.digest if known else "",
        difference=checkpoints.config_difference(vms, one) if one.record.vm else None,
        has_config=vm is not None,
        is_of_another=checkpoints.is_of_another(vms, one),
        job_id=vm.job.id if vm is not None and vm.job else "",
        days=DAYS,
        changed=changed,
        typed=typed,
    )
