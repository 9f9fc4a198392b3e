"""The checkpoints of all VMs, and the forms that make one and delete one for good."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Blueprint, Response, request

from dvmweb.ages import age
from dvmweb.errors import CheckFailed
from dvmweb.guest_text import visible
from dvmweb.records.checkpoint_records import NOTE_LENGTH
from dvmweb.verbs import checkpoints, processes_in_use
from dvmweb.verbs.checkpoints import Checkpoint
from dvmweb.verbs.vms import Vm
from dvmweb.web.deletion.pages import NOT_TYPED
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_fresh, find_vm
from dvmweb.web.ui.redirects import see_other, to_job

blueprint = Blueprint("deletion_checkpoint_pages", __name__)
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class CheckpointView:
    """One checkpoint as a page shows it."""

    name: str
    vm: str  # the name of its VM, "" if not known
    status: str  # "" for Stopped, which is as it should be
    is_half: bool
    is_ready: bool  # can be rewound to
    made: str
    note: str
    disk: str
    work: str
    was_started: bool = False  # since it was made: it can have changed


@dataclass(frozen=True)
class _Uses:
    """What uses a running VM."""

    ends: tuple[str, ...] = ()  # the programs in terminals that a stop ends, line by line
    why: str = ""  # why it is in use
    unknown: str = ""  # why it is not known

    @property
    def is_used(self) -> bool:
        """In use, or not known."""
        return bool(self.ends or self.why or self.unknown)


def view(one: Checkpoint, now: float) -> CheckpointView:
    """A checkpoint at `now` (seconds since the epoch)."""
    record, status = one.record, one.instance.status
    checked = f", checked {age(one.work.checked_at, now)}" if one.work and one.work.checked_at else ""
    is_odd = status != "Stopped"
    return CheckpointView(
        name=one.name,
        vm=record.vm,
        status="being copied" if record.copy else (visible(status, 40) or "not readable") if is_odd else "",
        is_half=one.is_half,
        is_ready=bool(record.vm) and not record.copy and not is_odd,
        made=age(record.at, now) if record.at else NOT_KNOWN,
        note=one.note,
        disk=one.disk_in_words,
        was_started=one.was_started,
        work=f"{one.work_line}{checked}",
    )


@blueprint.get("/checkpoints")
def index() -> Response:
    """List the checkpoints. Changes nothing."""
    return _index(())


def _index(notes: tuple[str, ...]) -> Response:
    vms, now = context.vms(), time.time()
    found = sorted(checkpoints.list_checkpoints(vms), key=lambda one: (-one.record.at, one.name))  # the newest first
    return context.page(
        "deletion/checkpoints.html",
        checkpoints=tuple(view(one, now) for one in found),
        disk=checkpoints.disk_line(vms, found) if found else "",
        left=checkpoints.notes(vms.paths),
        notes=notes,
    )


@blueprint.post("/checkpoints/repair")
def repair() -> Response:
    """Finish or remove what an interrupted command left."""
    return _index(checkpoints.repair(context.vms())[1] or ("Nothing was left half done.",))


@blueprint.get("/vms/<name>/checkpoint")
def ask(name: str) -> Response:
    """Show what a checkpoint does, and what it ends if the VM runs. Changes nothing."""
    return _ask(find_vm(name))


@blueprint.post("/vms/<name>/checkpoint")
def make(name: str) -> Response:
    """Start the job that makes a checkpoint; a VM that runs is stopped only if the page said so.

    One that is in use, or for which that is not known, only if the user has ticked a box.
    """
    vm, restart = find_fresh(name), bool(request.form.get("restart"))
    if vm.status == "Running" and not restart:
        return _ask(vm, 409)
    is_sure = vm.status != "Running" or vm.job is not None or bool(request.form.get("sure"))  # the job is refused
    if not is_sure and (uses := _uses(vm)).is_used:
        return _ask(vm, 422, uses)
    return to_job(checkpoints.make(context.vms(), name, request.form.get("note", ""), restart=restart))


def _ask(vm: Vm, status: int = 200, not_sure: _Uses | None = None) -> Response:
    """The form; `not_sure`: what uses the VM, if the box was not ticked."""
    is_running = vm.status == "Running"
    uses = not_sure or (_uses(vm) if is_running else _Uses())
    return context.page(
        "deletion/checkpoint.html",
        status,
        name=vm.name,
        is_running=is_running,
        is_created=vm.instance is not None,
        is_used=uses.is_used,
        ends=uses.ends,
        used=uses.why,
        unknown=uses.unknown,
        not_sure=not_sure is not None,
        job_id=vm.job.id if vm.job else "",
        note=request.form.get("note", "")[:NOTE_LENGTH],
        note_length=NOTE_LENGTH,
    )


def _uses(vm: Vm) -> _Uses:
    try:
        ends = processes_in_use.what_a_stop_ends(context.vms(), vm.name)
        return _Uses(tuple(map(str, ends)), checkpoints.why_used(context.vms(), vm))
    except CheckFailed as error:
        return _Uses(unknown=error.what)


@blueprint.get("/checkpoints/<checkpoint>/delete")
def ask_to_delete(checkpoint: str) -> Response:
    """Show what is lost with a checkpoint. Changes nothing."""
    return _ask_to_delete(find(checkpoint))


@blueprint.post("/checkpoints/<checkpoint>/delete")
def delete(checkpoint: str) -> Response:
    """Delete a checkpoint for good if its name was typed."""
    found = find(checkpoint)
    if request.form.get("name", "") != found.name:
        return _ask_to_delete(found, 422, typed=NOT_TYPED)
    checkpoints.delete(context.vms(), found.name)
    return see_other("/checkpoints")


def _ask_to_delete(found: Checkpoint, status: int = 200, *, typed: str = "") -> Response:
    return context.page("deletion/checkpoint_delete.html", status, one=view(found, time.time()), typed=typed)


def find(checkpoint: str) -> Checkpoint:
    """The checkpoint of this very name. Raises NotFound."""
    return checkpoints.find(checkpoints.list_checkpoints(context.vms()), checkpoint)
