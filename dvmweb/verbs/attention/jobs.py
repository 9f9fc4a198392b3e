"""Jobs that failed or were interrupted, as long as no later job of the VM ran."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.guest_text import in_prose, visible
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.attention.item import AGAIN, CHECKPOINTS, JOB, PROBLEMS, Facts, Item, Todo

CONFIRMED = ("delete", "rewind", "checkpoint")  # each run of these is confirmed on its own page


def items(facts: Facts) -> Iterator[Item]:
    """One item for each VM whose last job failed and that has no running job."""
    for vm in facts.vms:
        job = vm.failed
        if job is None or vm.job is not None:
            continue
        done = sum(step.state in ("done", "skipped") for step in job.steps)
        yield Item(
            key=f"job {job.id}",
            group=PROBLEMS,
            vm=vm.name,
            title=f"{visible(job.verb, 20).capitalize()} {job.bad_end}",
            detail=in_prose(job.failure.headline, 200) if job.failure else f"After step {done} of {len(job.steps)}",
            todos=(Todo(JOB, job.id), *_again(job)),
            since=job.ended,
        )


def _again(job: Job) -> tuple[Todo, ...]:
    if job.verb == "rewind":
        return (Todo(CHECKPOINTS),)
    return () if job.needs_secret or job.verb in CONFIRMED else (Todo(AGAIN, job.id),)
