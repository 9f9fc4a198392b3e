"""Undoes temporary changes of a job that failed or was cancelled: runs the steps that the plan marks `always`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dvmweb.errors import DvmError, sentence
from dvmweb.jobs.job_record import Job
from dvmweb.plans import Step, titles

ENDS = ("done", "skipped")
STOPS = (titles.STOP_TO_CHANGE, titles.STOP_TO_COPY)
AGAIN = {"Running": ("stopped", "stop"), "Stopped": ("started", "start")}  # Lima's status -> what undoes it


def put_back(
    vm: str, steps: Sequence[Step], first: int, run: Callable[[int, Step], None], status: Callable[[], str]
) -> tuple[str, ...]:
    """Run the marked steps from `first` on, each only if the VM has its status; return notices about them.

    Stops at the first that fails; runs none if the check of the effective config had failed.
    """
    if first > 0 and steps[first - 1].check == "effective-config":
        return ()
    notices: list[str] = []
    for index, step in enumerate(steps):
        if index < first or not step.always or step.skip_reason:
            continue
        done, verb = AGAIN[step.always]
        try:
            if status() != step.always:
                continue
            run(index, step)
        except Exception as error:  # must not hide the job's own error
            why = error.what.splitlines()[0] if isinstance(error, DvmError) else type(error).__name__
            return (*notices, f"{vm} could not be {done} again: {sentence(why)} To do that: `dvm {verb} {vm}`")
        if step.locks_engine:
            notices.append(f"{vm} was {done} again, as before the job.")
    return tuple(notices)


def left_undone(job: Job) -> tuple[str, ...]:
    """Notices about what a killed job did not undo, for the next job."""
    for index, step in enumerate(job.steps):
        has_begun = any(one.title == titles.START and one.state != "waiting" for one in job.steps[:index])
        has_stopped = any(one.title in STOPS and one.state != "waiting" for one in job.steps[:index])
        if not step.always or step.state in ENDS or not (has_begun if step.always == "Running" else has_stopped):
            continue
        done, verb = AGAIN[step.always]
        what = f"The last job, {job.verb} {job.id[:8]}, was killed before {job.vm} could be {done} again."
        return (f"{what} To do that: `dvm {verb} {job.vm}`",)
    return ()
