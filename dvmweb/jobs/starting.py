"""Starts a job in its own process, with the VM's lock and a first journal; cancels a job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import dvmweb
from dvmweb import errors, files
from dvmweb.errors import DvmError, VmBusy
from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Job
from dvmweb.names import is_id, new_id
from dvmweb.paths import Paths
from dvmweb.records import rewinds

KEPT_JOBS = job_record.KEPT
MOST_WORK_CHECKS = 20  # jobs that are read to find the last one that was not a check
SPARE_JOBS = 20  # more than KEPT_JOBS before old ones are removed, so that few jobs read all journals
EXIT_SECONDS = 2.0  # at most, between the end in a job's journal and the end of its process, which frees the lock
READY = b"ready\n"
OLD_KINDS = {"WorkAtRisk": "UnsavedWork"}  # class names of errors in journals written before 0.2


def start(
    paths: Paths,
    environ: Mapping[str, str],
    vm: str,
    verb: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, bytes] = {},
) -> Job:
    """Start a job of `verb` on `vm`; return it after its process has written the first journal.

    Raises VmBusy while another job has the lock, and the error of a job that could not start (a bad config, no
    limactl); then nothing was changed.
    """
    lock = take(paths, vm)
    try:
        job = job_record.new(vm, verb, new_id(), options, holder(paths, vm))
        _write_holder(lock, job.id)
        files.private_folder(paths.state)
        files.private_folder(job_record.folder(paths, job.id))
        try:
            job_record.save(paths, job)
            _spawn(paths, environ, job, lock, secrets)
        except BaseException:
            _write_holder(lock, job.previous)
            shutil.rmtree(job_record.folder(paths, job.id), ignore_errors=True)
            raise
    finally:
        lock.release()
    return job_record.read(paths, job.id)


def take(paths: Paths, vm: str, *, even_half: bool = False) -> files.Lock:
    """Take the VM's lock, waiting up to EXIT_SECONDS for the process of an ended job.

    Raises VmBusy for an open job, and NotNow after a rewind that was interrupted halfway unless `even_half`.
    """
    folder = files.private_folder(paths.vm_state(vm))
    deadline = time.monotonic() + EXIT_SECONDS
    while (lock := files.try_lock(folder / "lock")) is None:
        if open_job(paths, vm) is not None or time.monotonic() > deadline:
            raise busy(paths, vm)
        time.sleep(0.02)
    try:
        if not even_half:
            rewinds.refuse_half(paths, vm)
    except DvmError:
        lock.release()
        raise
    return lock


def _write_holder(lock: files.Lock, job_id: str) -> None:
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, job_id.encode(), 0)


def holder(paths: Paths, vm: str) -> str:
    """The id of the last job that had the VM's lock, ended or not; "" for none."""
    with suppress(FileNotFoundError):
        job_id = files.read_bounded(paths.vm_state(vm) / "lock", 64, follow=False).decode("ascii", "replace")
        return job_id if is_id(job_id) else ""
    return ""


def last_job(paths: Paths, vm: str) -> Job | None:
    """The last job of the VM, found by its lock file, so only one journal is read; None if there is none."""
    with suppress(DvmError):
        return job_record.read(paths, job_id) if (job_id := holder(paths, vm)) else None
    return None


def last_change(paths: Paths, job: Job | None) -> Job | None:
    """The last job up to this one that was neither a check for unsaved work nor a refused delete; None if unknown."""
    for _ in range(MOST_WORK_CHECKS):
        if job is None or not (job.verb == "work" or (job.verb == "delete" and job.is_refused)):
            return job
        try:
            job = job_record.read(paths, job.previous) if job.previous else None
        except DvmError:  # removed or damaged: nothing more is known
            return None
    return None


def open_job(paths: Paths, vm: str) -> Job | None:
    """The job that runs on the VM now, None for none."""
    job = last_job(paths, vm)
    return job if job is not None and job.is_open else None


def busy(paths: Paths, vm: str) -> VmBusy:
    """The error for a VM with a running job: which job, since when, and what to do."""
    job = open_job(paths, vm)
    if job is None:
        return VmBusy(f"Another job is running on {vm}.", "List jobs with `dvm jobs`. Nothing was changed.")
    since = datetime.fromtimestamp(job.created).astimezone().strftime("%H:%M:%S")
    what = f"Another job is running on {vm}: {job.verb} since {since} (job {job.id[:8]})."
    todo = f"Watch it with `dvm log {job.id[:8]}`, or cancel it with `dvm cancel {job.id[:8]}`. Nothing was changed."
    return VmBusy(what, todo, job=job.id)


def _spawn(paths: Paths, environ: Mapping[str, str], job: Job, lock: files.Lock, secrets: Mapping[str, bytes]) -> None:
    """Start the job's process, pass it the lock, and wait until it is ready. Raises the error that it reports."""
    stderr = files.open_own(job_record.folder(paths, job.id) / "stderr", os.O_WRONLY | os.O_TRUNC)
    process = subprocess.Popen(
        (sys.executable, "-P", "-m", "dvmweb.jobs", job.id, str(lock.descriptor)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd="/",
        env={**environ, "PYTHONPATH": str(Path(dvmweb.__file__).parent.parent)},
        pass_fds=(lock.descriptor,),
        start_new_session=True,  # a closed terminal or a killed starter does not reach it
    )
    os.close(stderr)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps({name: value.hex() for name, value in secrets.items()}).encode())
        process.stdin.close()
        reply = process.stdout.read()
    if reply != READY:
        process.wait()
        raise _start_error(reply, job_record.folder(paths, job.id) / "stderr")


def _start_error(reply: bytes, stderr: Path) -> DvmError:
    """The error that the process wrote to stdout before it ended; its stderr if that is not JSON."""
    try:
        return as_error(job_record.Failure(**json.loads(reply)))
    except ValueError:
        last = stderr.read_bytes()[-2000:].decode("utf-8", "replace")
        return DvmError("The job's process could not start.", f"This is a bug in dvm: please report it.\n{last}")


def as_error(failure: job_record.Failure) -> DvmError:
    """The error of a job's failure, with its exit code."""
    kind = getattr(errors, OLD_KINDS.get(failure.kind, failure.kind), DvmError)
    error = DvmError(failure.what, failure.todo, failure.command)
    error.exit_code = getattr(kind, "exit_code", DvmError.exit_code)
    return error


def cancel(paths: Paths, job: Job) -> None:
    """Signal the job to end: it stops its command (INT, TERM, KILL to the group) and writes `cancelled`.

    Raises DvmError if the job has already ended.
    """
    if not job.is_open or job.process is None or not job.process.is_alive:
        raise DvmError(f"Job {job.id[:8]} has already ended: {job.state}.", "There is nothing to cancel.")
    os.kill(job.process.pid, signal.SIGTERM)


def forget_old(paths: Paths) -> None:
    """Remove journals and logs of ended jobs, except the newest KEPT_JOBS."""
    if job_record.count(paths) <= KEPT_JOBS + SPARE_JOBS:
        return
    for job in job_record.newest_first(paths)[KEPT_JOBS:]:
        if not job.is_open:
            shutil.rmtree(job_record.folder(paths, job.id), ignore_errors=True)


def wait_for_change(paths: Paths, job_id: str, seen: tuple[int, int], seconds: float) -> None:
    """Wait until the journal's stamp is not `seen`, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and job_record.stamp(paths, job_id) == seen:
        time.sleep(0.02)
