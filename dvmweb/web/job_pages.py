"""The pages of jobs: the list, one job with its log, and the buttons that cancel it or run it again."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from flask import Blueprint, Response, make_response, redirect, request, send_file

from dvmweb.cookbook.needed import secrets_of
from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.jobs import journal
from dvmweb.jobs.journal import Job
from dvmweb.lima import booting, ledger
from dvmweb.names import instance_name, vm_name
from dvmweb.vms import Vms
from dvmweb.web import house, job_view, secret_fields
from dvmweb.web.finding import find_vm
from dvmweb.web.job_view import JobView
from dvmweb.web.secret_fields import SecretField

blueprint = Blueprint("job_pages", __name__)
LOG_PART = 1_000_000  # bytes of one answer
TAIL_BYTES = 64_000
BOOT_BYTES = 200_000  # of a boot step's log
MOST_COMMANDS = 500


@blueprint.get("/jobs")
def index() -> Response:
    """All jobs, or those of one VM, newest first."""
    name = request.args.get("vm", "")
    now = time.time()
    rows = tuple(job_view.row(job, now) for job in house.vms().jobs(name))
    return house.page("jobs.html", rows=rows, vm=name)


@blueprint.get("/jobs/<job_id>")
def show(job_id: str) -> Response:
    """One job: steps, log, commands."""
    vms, job = house.vms(), find(job_id)
    tail, size = _tail(vms, job)
    entries = ledger.read(vms.paths, job=job.id, limit=MOST_COMMANDS)
    return house.page(
        "job.html",
        job=_view(vms, job),
        heading=job_view.title_of(job),
        log=job_view.log_tail(tail, is_cut=size > len(tail)),
        commands=job_view.commands(job, entries),
        alone=False,
    )


@blueprint.get("/jobs/<job_id>/part")
def part(job_id: str) -> Response:
    """The steps alone, for the poll of a running job; it ends by itself with the job."""
    return house.page("_job.html", job=_view(house.vms(), find(job_id)), alone=True)


@blueprint.get("/jobs/<job_id>/log")
def log(job_id: str) -> Response:
    """The bytes of the log from `from` on, 1 MB at most; headers say where it goes on and whether it has ended."""
    vms, job = house.vms(), find(job_id)
    start = _offset(request.args.get("from", "0"))
    data = vms.log(job, start, LOG_PART)
    size = _size(vms, job)
    answer = make_response(data)
    answer.headers["Content-Type"] = "text/plain; charset=utf-8"
    answer.headers["X-Log-Next"] = str(start + len(data))
    answer.headers["X-Log-Size"] = str(size)
    # The job was read before its log: what it wrote until its end is in what was just read.
    answer.headers["X-Log-Ended"] = "0" if job.is_open or start + len(data) < size else "1"
    return answer


@blueprint.get("/jobs/<job_id>/download")
def download(job_id: str) -> Response:
    """The whole log as a file."""
    vms, job = house.vms(), find(job_id)
    path = journal.log_file(vms.paths, job.id)
    if not path.is_file():
        raise NotFound("This job has no log.", "It has printed nothing.")
    name = f"dvm-{job.vm}-{job.verb}-{job.id[:8]}.log"
    return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=name)


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Ask the job to end; one that has ended meanwhile is simply shown."""
    job = find(job_id)
    if job.is_open:
        house.vms().cancel(job)
    return to_job(job)


@blueprint.post("/jobs/<job_id>/again")
def again(job_id: str) -> Response:
    """Run the same verb with the same options. A delete is decided anew."""
    job = find(job_id)
    if job.verb == "delete":
        return see_other(f"/vms/{job.vm}/delete")
    secrets = secret_fields.given(request.form) if job.verb == "sync" else {}
    return to_job(house.vms().start_job(job.vm, job.verb, job.options, secrets))


def find(job_id: str) -> Job:
    """The job of exactly this id. Raises NotFound."""
    try:
        return journal.read(house.vms().paths, job_id)
    except (ValueError, KeyError, TypeError):
        raise NotFound("The journal of this job cannot be read.", "Its log may still be there: dvm jobs") from None


def to_job(job: Job) -> Response:
    """Go on to a job's page."""
    return see_other(f"/jobs/{job.id}")


def see_other(path: str) -> Response:
    """A redirect after a POST, to a path below the prefix that we made ourselves."""
    return make_response(redirect(request.script_root + path, 303))


def _view(vms: Vms, job: Job) -> JobView:
    now = time.time()
    step = job_view.boot_step(job)
    if step is None:
        return job_view.job_view(job, now, asks=_asks(vms, job))
    most = min(BOOT_BYTES, (step.log_to or _size(vms, job)) - step.log_from)
    stages = booting.stages(vms.log(job, step.log_from, most)) if most > 0 else ()
    serial = booting.serial_tail(_instance_folder(vms, job.vm)) if job_view.hangs(step, now) else ()
    return job_view.job_view(job, now, stages, serial)


def _asks(vms: Vms, job: Job) -> tuple[SecretField, ...]:
    """The inputs for the secrets without which the job ended."""
    if not job.needs_secret:
        return ()
    with suppress(DvmError):  # the VM has gone meanwhile
        return secret_fields.fields(secrets_of(vms.paths, find_vm(job.vm)))
    return ()


def _instance_folder(vms: Vms, name: str) -> Path:
    return vms.paths.lima_home / instance_name(vm_name(name))


def _tail(vms: Vms, job: Job) -> tuple[bytes, int]:
    """The end of the log from the beginning of a line on, and the log's size in bytes."""
    size = _size(vms, job)
    start = max(0, size - TAIL_BYTES)
    data = vms.log(job, start, TAIL_BYTES)
    whole = data.split(b"\n", 1)[-1] if start and b"\n" in data else data
    return whole, size


def _size(vms: Vms, job: Job) -> int:
    with suppress(OSError):
        return journal.log_file(vms.paths, job.id).stat().st_size
    return 0


def _offset(text: str) -> int:
    """A byte offset from an address. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UsageError("The place in the log is no number of bytes.", "Load the page again.")
    return int(text)
