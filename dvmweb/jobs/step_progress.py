"""How far the running command of a job is, in a file beside its journal.

The file is not flushed to disk: nothing depends on it.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest_text import in_prose
from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Job
from dvmweb.paths import Paths
from dvmweb.transfer_progress import Progress, Samples

EVERY = 0.5  # seconds between two writes; faces read it as often
MOST = 10_000  # bytes


@dataclass
class Notes:
    """Writes the progress of one job."""

    paths: Paths
    job_id: str
    _what: str = ""
    _samples: Samples = field(default_factory=Samples)
    _written: float = 0.0

    def note(self, what: str, done: int, whole: int) -> None:
        """So many bytes of `whole` (0: not known) are there; without `what` it is over."""
        if not what:
            self._samples, self._written = Samples(), 0.0
            with suppress(OSError):
                _file(self.paths, self.job_id).unlink(missing_ok=True)
            return
        now = time.monotonic()
        self._samples = Samples().with_one(now, done) if what != self._what else self._samples.with_one(now, done)
        self._what = what
        if now - self._written >= EVERY:
            self._written = now
            self._write(self._samples.progress(whole))

    def _write(self, progress: Progress) -> None:
        path = _file(self.paths, self.job_id)
        with suppress(OSError):  # a full disk fails the command itself
            new = path.with_suffix(".new")
            new.write_text(json.dumps({"what": self._what, **asdict(progress)}))
            new.replace(path)


def with_progress(paths: Paths, job: Job) -> Job:
    """The job; the reason of its running step is how far that is, if it is known."""
    running = next((index for index, step in enumerate(job.steps) if step.state == "running"), -1)
    what, progress = _noted(paths, job) if job.is_open and running >= 0 else ("", None)
    if progress is None or job.steps[running].reason:
        return job
    words = f"{in_prose(what)}: {progress}"
    return replace(job, steps=tuple(replace(s, reason=words) if i == running else s for i, s in enumerate(job.steps)))


def fraction(paths: Paths, job: Job) -> tuple[int, int] | None:
    """The bytes that are there and all bytes, of the transfer that the job runs now; None if that is not known."""
    _, progress = _noted(paths, job) if job.is_open else ("", None)
    if progress is None or not 0 <= progress.done <= progress.whole or not progress.whole:
        return None
    return progress.done, progress.whole


def _noted(paths: Paths, job: Job) -> tuple[str, Progress | None]:
    """What is transferred and how far that is; ("", None) if nothing is known."""
    try:
        facts = json.loads(files.read_bounded(_file(paths, job.id), MOST))
        what = str(facts.pop("what"))
        progress = Progress(**facts)
        str(progress)  # values of other types fail here
    except (OSError, DvmError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return "", None
    return what, progress


def _file(paths: Paths, job_id: str) -> Path:
    return job_record.folder(paths, job_id) / "progress"
