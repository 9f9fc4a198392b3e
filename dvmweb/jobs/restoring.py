"""Put back what a job has changed, whatever ended it: the steps that a plan marks with `always`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dvmweb.errors import DvmError, sentence
from dvmweb.jobs.job_record import Job
from dvmweb.plans import Step, titles

ENDS = ("done", "skipped")
AGAIN = {"Running": ("stopped", "stop"), "Stopped": ("started", "start")}  # the word of Lima -> what puts it back


def put_back(
    vm: str, steps: Sequence[Step], first: int, run: Callable[[int, Step], None], status: Callable[[], str]
) -> tuple[str, ...]:
    """Run the marked steps from `first` on, each only where Lima says the word that it is for; sentences about them.

    Where one of them fails none after it is run, and none where the config was found to open the host.
    """
    if first > 0 and steps[first - 1].check == "effective-config":
        return ()
    told: list[str] = []
    for index, step in enumerate(steps):
        if index < first or not step.always or step.skip_reason:
            continue
        done, verb = AGAIN[step.always]
        try:
            if status() != step.always:
                continue
            run(index, step)
        except Exception as error:  # the job has its own error already, which must not be hidden by this one
            why = error.what.splitlines()[0] if isinstance(error, DvmError) else type(error).__name__
            return (*told, f"{vm} could not be {done} again: {sentence(why)} To do that: `dvm {verb} {vm}`")
        if step.locks_engine:
            told.append(f"{vm} was {done} again, as before the job.")
    return tuple(told)


def left_undone(job: Job) -> tuple[str, ...]:
    """What a job that was killed could no longer put back, in sentences for the next one."""
    for index, step in enumerate(job.steps):
        has_begun = any(one.title == titles.START and one.state != "waiting" for one in job.steps[:index])
        has_stopped = any(one.title == titles.STOP_TO_CHANGE and one.state != "waiting" for one in job.steps[:index])
        if not step.always or step.state in ENDS or not (has_begun if step.always == "Running" else has_stopped):
            continue
        done, verb = AGAIN[step.always]
        what = f"The last job, {job.verb} {job.id[:8]}, was killed before {job.vm} could be {done} again."
        return (f"{what} To do that: `dvm {verb} {job.vm}`",)
    return ()
