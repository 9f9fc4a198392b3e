"""The doctor: its checks run when the page is opened, each part for itself, and never in the way of other pages."""

from __future__ import annotations

import time

from flask import Blueprint, Response, request

from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.verbs import doctor
from dvmweb.web.host.doctor_views import PARTS, DoctorPart, failed, part, waiting
from dvmweb.web.ui import context

blueprint = Blueprint("host_doctor_pages", __name__)


@blueprint.get("/doctor")
def index() -> Response:
    """The page; its parts are loaded by htmx, or with `now=1` are in the answer."""
    return _index()


def _index(notes: tuple[str, ...] = ()) -> Response:
    is_now = request.args.get("now") == "1"
    parts = tuple(_part(name) if is_now else waiting(name) for name in PARTS)
    return context.page("host/doctor.html", parts=parts, notes=notes, is_now=is_now)


@blueprint.get("/doctor/findings/<name>")
def findings(name: str) -> Response:
    """Run the checks of one part. Changes nothing."""
    if name not in PARTS:
        raise NotFound("There is no such part of the doctor.", "Open the page Doctor.")
    return context.page("host/_doctor_part.html", part=_part(name))


@blueprint.post("/doctor/repair")
def repair() -> Response:
    """Repair one kind of finding, as `dvm doctor --fix` does."""
    wanted = request.form.get("repair", "")
    if wanted not in doctor.REPAIRS:
        raise UsageError("dvm has no such repair.", "Use the buttons of the page Doctor.")
    try:
        done = doctor.repair_each(context.vms(), {wanted})
    except OSError as error:
        todo = "Check the permissions of dvm's folders."
        raise DvmError(f"It could not be repaired: {error.strerror}.", todo) from error
    return _index(done or ("There was nothing left to repair.",))


def _part(name: str) -> DoctorPart:
    began = time.monotonic()
    check = doctor.examine_host if name == "host" else doctor.examine_vms
    try:
        found = check(context.vms())
    except (DvmError, OSError) as error:
        return failed(name, error.what if isinstance(error, DvmError) else str(error))
    return part(name, found, time.time(), time.monotonic() - began)
