"""Print a job's log and follow it while the job runs; print the commands of a job from the ledger."""

from __future__ import annotations

import sys

from dvmweb.errors import ExitCode
from dvmweb.guest_text import log_lines
from dvmweb.jobs import journal, starting
from dvmweb.jobs.journal import Job
from dvmweb.vms import Vms

CHUNK = 1_000_000  # bytes


def follow_log(vms: Vms, job: Job) -> int:
    """Print the log from its beginning until the job has ended; 0. Ctrl-C stops watching, not the job."""
    try:
        return _follow(vms, job)
    except KeyboardInterrupt:
        print(f"\n-- the job goes on: dvm log {job.id[:8]}", file=sys.stderr)
        return int(ExitCode.CANCELLED)


def _follow(vms: Vms, job: Job) -> int:
    offset, rest = 0, b""
    while True:
        is_open = job.is_open  # read before the log: what came until then is in it
        data = vms.log(job, offset, CHUNK)
        offset += len(data)
        whole, _, rest = (rest + data).rpartition(b"\n")
        if whole:
            print(log_lines(whole), flush=True)
        if not data and not is_open:
            break
        if not data:
            starting.wait_for_change(vms.paths, job.id, journal.stamp(vms.paths, job.id), 0.3)
            job = vms.job(job.id)
    if rest:
        print(log_lines(rest))
    print(f"-- {job.verb} {job.vm}: {job.state}", file=sys.stderr)
    return 0


def commands(vms: Vms, job: Job) -> int:
    """Print every engine command of the job, ready to copy; 0."""
    from dvmweb.lima import ledger
    from dvmweb.lima.entering import shown

    for entry in ledger.read(vms.paths, job=job.id):
        print(f"{entry.seconds:8.3f} s  {entry.code!s:>4}  {shown(entry.argv)}")
    return 0
