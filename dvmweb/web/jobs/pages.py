"""Pages for jobs: the list, one job with its log, and the forms that cancel it or run it again."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, request, send_file

from dvmweb import files
from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.jobs import job_record
from dvmweb.jobs.history.step_times import StepTimes
from dvmweb.jobs.job_record import Job
from dvmweb.jobs.step_progress import fraction, with_progress
from dvmweb.lima import booting, ledger
from dvmweb.names import instance_name, vm_name
from dvmweb.verbs.recipes.requirements import secrets_of
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import log_lines, rows, secret_fields
from dvmweb.web.jobs import views as job_views
from dvmweb.web.jobs.secret_fields import SecretField
from dvmweb.web.jobs.time_left import Measure
from dvmweb.web.jobs.views import JobView
from dvmweb.web.ui import context
from dvmweb.web.ui.confirmations import confirmed_at
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.ui.redirects import same_form_to, see_other, to_job

blueprint = Blueprint("jobs_pages", __name__)
LOG_PART = 1_000_000  # bytes in one response
TAIL_BYTES = 64_000
BOOT_BYTES = 200_000  # of a boot step's log
MOST_COMMANDS = 500


@blueprint.get("/jobs")
def index() -> Response:
    """All jobs that fit the filter, newest first, a page at a time."""
    jobs = rows.job_list(context.vms().jobs(), rows.filter_of(request.args), time.time())
    return context.page("jobs/jobs.html", jobs=jobs)


@blueprint.get("/jobs/<job_id>")
def show(job_id: str) -> Response:
    """One job: steps, log, commands."""
    vms, job = context.vms(), find(job_id)
    entries = ledger.read(vms.paths, job=job.id, limit=MOST_COMMANDS)
    return context.page(
        "jobs/job.html",
        job=_view(vms, job),
        heading=job_views.title_of(job),
        log=log_lines.log_tail(_part(vms, job, max(0, _size(vms, job) - TAIL_BYTES), TAIL_BYTES)),
        commands=job_views.commands(job, entries),
        alone=False,
    )


@blueprint.get("/jobs/<job_id>/part")
def part(job_id: str) -> Response:
    """The steps, polled while the job runs; polling ends with the job."""
    return context.page("jobs/_job.html", job=_view(context.vms(), find(job_id)), alone=True)


@blueprint.get("/jobs/<job_id>/log")
def log(job_id: str) -> Response:
    """The bytes of the log from offset `from` on, at most 1 MB.

    Headers give the next offset, whether the log is complete, and which bytes dvm itself wrote: `FROM-TO,…`.
    """
    vms, job = context.vms(), find(job_id)
    part = _part(vms, job, _offset(request.args.get("from", "0")), LOG_PART)
    size = _size(vms, job)
    answer = make_response(part.data)
    answer.headers["Content-Type"] = "text/plain; charset=utf-8"
    answer.headers["X-Log-Next"] = str(part.end)
    answer.headers["X-Log-Size"] = str(size)
    answer.headers["X-Log-Ours"] = ",".join(f"{at}-{to}" for at, to in part.ours)
    # The job was read before its log, so a job that has ended has no output after what was just read.
    answer.headers["X-Log-Ended"] = "0" if job.is_open or part.end < size else "1"
    return answer


@blueprint.get("/jobs/<job_id>/download")
def download(job_id: str) -> Response:
    """The whole log as a file."""
    vms, job = context.vms(), find(job_id)
    try:
        file = files.open_plain(job_record.log_file(vms.paths, job.id))
    except FileNotFoundError:
        raise NotFound("This job has no log.", "It printed nothing.") from None
    name = f"dvm-{job.vm}-{job.verb}-{job.id[:8]}.log"
    return send_file(file, mimetype="application/octet-stream", as_attachment=True, download_name=name)


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel the job; one that has already ended is only shown."""
    job = find(job_id)
    if job.is_open:
        context.vms().cancel(job)
    return to_job(job)


@blueprint.post("/jobs/<job_id>/again")
def again(job_id: str) -> Response:
    """Run the same verb with the same options. One that is confirmed goes back to that page."""
    job = find(job_id)
    if page := confirmed_at(job):
        return see_other(page)
    if job.verb in ("stop", "restart"):  # they ask if something runs in a terminal now
        return same_form_to(f"/vms/{job.vm}/{job.verb}")
    secrets = secret_fields.given(request.form) if job.verb == "sync" else {}
    return to_job(context.vms().start_job(job.vm, job.verb, job.options, secrets))


def find(job_id: str) -> Job:
    """The job with this id. Raises NotFound."""
    try:
        return job_record.read(context.vms().paths, job_id)
    except (ValueError, KeyError, TypeError):
        raise NotFound("The record of this job cannot be read.", "Its log may still exist: dvm jobs") from None


def _view(vms: Vms, job: Job) -> JobView:
    now, measure, job = time.time(), _measure(vms, job), with_progress(vms.paths, job)
    step = job_views.boot_step(job)
    if step is None:
        return job_views.job_view(job, now, secrets=_missing_secrets(vms, job), measure=measure)
    most = min(BOOT_BYTES, (step.log_to or _size(vms, job)) - step.log_from)
    stages = booting.stages(vms.log(job, step.log_from, most)) if most > 0 else ()
    serial = booting.serial_tail(_instance_folder(vms, job.vm)) if job_views.needs_console(step, now) else ()
    return job_views.job_view(job, now, stages, serial, measure=measure)


def _measure(vms: Vms, job: Job) -> Measure:
    """What is known of the times of a job that runs."""
    if not job.is_open:
        return Measure()
    known = current_app.extensions.setdefault("dvm_step_times", StepTimes(vms.paths))
    return Measure(known.of(job), fraction(vms.paths, job))


def _missing_secrets(vms: Vms, job: Job) -> tuple[SecretField, ...]:
    """The inputs for the secrets that the job failed without."""
    if not job.needs_secret:
        return ()
    with suppress(DvmError):  # the VM was deleted meanwhile
        return secret_fields.fields(secrets_of(vms.paths, find_vm(job.vm)))
    return ()


def _instance_folder(vms: Vms, name: str) -> Path:
    return vms.paths.lima_home / instance_name(vm_name(name))


def _part(vms: Vms, job: Job, start: int, most: int) -> log_lines.Part:
    data = vms.log(job, start, most)  # before the places, so that they cover all of it
    return log_lines.part(start, data, job_record.own_places(vms.paths, job.id))


def _size(vms: Vms, job: Job) -> int:
    with suppress(OSError):
        return job_record.log_file(vms.paths, job.id).stat().st_size
    return 0


def _offset(text: str) -> int:
    """A byte offset from the query. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UsageError("The log offset is not a number of bytes.", "Reload the page.")
    return int(text)
