"""Start a job: take the VM's lock, write the journal, hand both to a process of its own. Also: cancel one."""

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

KEPT_JOBS = 200
MOST_LOOKS = 20  # jobs that are read to find what a look came after
SPARE_JOBS = 20  # so that not every job reads all journals
EXIT_SECONDS = 2.0  # between the end in a job's journal and the end of its process, which frees the VM
READY = b"ready\n"


def start(
    paths: Paths,
    environ: Mapping[str, str],
    vm: str,
    verb: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, bytes] = {},
) -> Job:
    """Start `verb` on `vm` and return its job once it has written its first journal.

    Raises VmBusy when another job holds the VM, and the job's own error (a bad config, no limactl) when it could not
    begin; nothing was changed then.
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


def take(paths: Paths, vm: str) -> files.Lock:
    """Hold the VM. A job that has ended may still be going away; raises VmBusy when one is open."""
    folder = files.private_folder(paths.vm_state(vm))
    deadline = time.monotonic() + EXIT_SECONDS
    while (lock := files.try_lock(folder / "lock")) is None:
        if open_job(paths, vm) is not None or time.monotonic() > deadline:
            raise busy(paths, vm)
        time.sleep(0.02)
    return lock


def _write_holder(lock: files.Lock, job_id: str) -> None:
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, job_id.encode(), 0)


def holder(paths: Paths, vm: str) -> str:
    """The id of the job that holds the VM, or held it last; "" where there was none."""
    with suppress(FileNotFoundError):
        job_id = files.read_bounded(paths.vm_state(vm) / "lock", 64, follow=False).decode("ascii", "replace")
        return job_id if is_id(job_id) else ""
    return ""


def last_job(paths: Paths, vm: str) -> Job | None:
    """The job that holds the VM, or held it last; found by the lock, so that not every journal is read."""
    with suppress(DvmError):
        return job_record.read(paths, job_id) if (job_id := holder(paths, vm)) else None
    return None


def last_change(paths: Paths, job: Job | None) -> Job | None:
    """The last job that was more than a look, from this one back; what a refused delete found is told as the work."""
    for _ in range(MOST_LOOKS):
        if job is None or not (job.verb == "work" or (job.verb == "delete" and job.is_refused)):
            return job
        try:
            job = job_record.read(paths, job.previous) if job.previous else None
        except DvmError:  # removed or damaged: nothing more is known
            return None
    return None


def open_job(paths: Paths, vm: str) -> Job | None:
    """The job that holds the VM now."""
    job = last_job(paths, vm)
    return job if job is not None and job.is_open else None


def busy(paths: Paths, vm: str) -> VmBusy:
    """Who holds the VM, in words, and what to do."""
    job = open_job(paths, vm)
    if job is None:
        return VmBusy(f"Another job is running on {vm}.", "List jobs with `dvm jobs`. Nothing was changed.")
    since = datetime.fromtimestamp(job.created).astimezone().strftime("%H:%M:%S")
    what = f"Another job is running on {vm}: {job.verb} since {since} (job {job.id[:8]})."
    todo = f"Watch it with `dvm log {job.id[:8]}`, or cancel it with `dvm cancel {job.id[:8]}`. Nothing was changed."
    return VmBusy(what, todo, job=job.id)


def _spawn(paths: Paths, environ: Mapping[str, str], job: Job, lock: files.Lock, secrets: Mapping[str, bytes]) -> None:
    """Start the job's process with the lock in its hands; wait for its first word."""
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
        word = process.stdout.read()
    if word != READY:
        process.wait()
        raise _first_error(word, job_record.folder(paths, job.id) / "stderr")


def _first_error(word: bytes, stderr: Path) -> DvmError:
    """The error that the process could not begin for, as it said it."""
    try:
        return as_error(job_record.Failure(**json.loads(word)))
    except ValueError:
        last = stderr.read_bytes()[-2000:].decode("utf-8", "replace")
        return DvmError("The job's process could not start.", f"This is a bug in dvm: please report it.\n{last}")


def as_error(failure: job_record.Failure) -> DvmError:
    """The error of a job's failure, with its exit code."""
    kind = getattr(errors, failure.kind, DvmError)
    error = DvmError(failure.what, failure.todo, failure.command)
    error.exit_code = getattr(kind, "exit_code", DvmError.exit_code)
    return error


def cancel(paths: Paths, job: Job) -> None:
    """Ask the job to end: it ends its command (INT, TERM, KILL to the group) and writes `cancelled`.

    Raises DvmError when the job has ended already.
    """
    if not job.is_open or job.process is None or not job.process.is_alive:
        raise DvmError(f"Job {job.id[:8]} has already ended: {job.state}.", "There is nothing to cancel.")
    os.kill(job.process.pid, signal.SIGTERM)


def forget_old(paths: Paths) -> None:
    """Keep the newest jobs and remove the journals and logs of older ones that have ended."""
    if job_record.count(paths) <= KEPT_JOBS + SPARE_JOBS:
        return
    for job in job_record.newest_first(paths)[KEPT_JOBS:]:
        if not job.is_open:
            shutil.rmtree(job_record.folder(paths, job.id), ignore_errors=True)


def wait_for_change(paths: Paths, job_id: str, seen: tuple[int, int], seconds: float) -> None:
    """Return when the journal is no longer the one `seen`, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and job_record.stamp(paths, job_id) == seen:
        time.sleep(0.02)
