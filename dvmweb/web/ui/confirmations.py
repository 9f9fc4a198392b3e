"""Which verbs are confirmed on a page of their own. Pure."""

from __future__ import annotations

from dvmweb.jobs.job_record import Job


def confirmed_at(job: Job) -> str:
    """Return the page on which another run of a job is confirmed, "" for one that is run again as it was.

    A delete shows a new report; a force stop what it ends; the options of the other two name what they have left.
    """
    if job.verb == "stop" and job.options.get("force"):
        return f"/vms/{job.vm}/force-stop"
    pages = {"delete": f"/vms/{job.vm}/delete", "checkpoint": f"/vms/{job.vm}/checkpoint", "rewind": "/checkpoints"}
    return pages.get(job.verb, "")
