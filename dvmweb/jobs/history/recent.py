"""The jobs that run now and those that have ended lately, of all verbs, read with little cost."""

from __future__ import annotations

import threading

from dvmweb.errors import DvmError
from dvmweb.jobs import job_record
from dvmweb.jobs.history.step_times import newest
from dvmweb.jobs.job_record import Job
from dvmweb.paths import Paths

MOST_JOBS = 60  # of the newest that are looked at


class RecentJobs:
    """The newest jobs. One that has ended is read once; any thread may ask."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._ended: dict[str, Job] = {}

    def jobs(self) -> tuple[Job, ...]:
        """Those that can be read, the one that changed last first."""
        with self._lock:
            found = []
            for job_id in newest(self._paths, MOST_JOBS):
                job = self._ended.get(job_id) or self._read(job_id)
                if job is not None:
                    found.append(job)
            self._ended = {job.id: job for job in found if not job.is_open}
            return tuple(found)

    def _read(self, job_id: str) -> Job | None:
        try:
            return job_record.read(self._paths, job_id)
        except (DvmError, OSError):
            return None
