"""Runs a job: its steps in order, a check of each result, the restoring steps, and the entry of its end."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from types import FrameType

from dvmweb import plans
from dvmweb.errors import DvmError, sentence
from dvmweb.jobs import copy_ends, recipe_trials, restoring, starting
from dvmweb.jobs.bases import automatic, building
from dvmweb.jobs.checks import registry as checks
from dvmweb.jobs.failures import failed_step, host_error, last_output, refused_clone
from dvmweb.jobs.inputs import load_input, read_note, write_note
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.jobs.leftovers import end_leftovers
from dvmweb.jobs.running_job import Cancelled, RunningJob
from dvmweb.jobs.step_commands import GUEST_CHECKS, StepCommands
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput, Step, guest_steps
from dvmweb.records import applied_recipes

NOT_HERE = 69  # exit code of a guest script that cannot do its work in the demo
SECRET_MISSING = 76  # exit code of a recipe that needs a secret, if it was not given and the guest does not have it
PROBE_LATE = 75  # exit code of apply.sh if the recipe succeeded and its probe did not end in time
KEY_REFUSED = 77  # exit code of clone.sh if the server refused the VM's key
TEMPORARY = ("test", "base")  # verbs whose VM is no VM of a user
COPIES = ("checkpoint", "rewind")  # verbs that copy a VM
NOTHING = Finished((), 0, b"", b"", 0.0, "exit")


class Runner:
    """Runs one job."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], job: Job, plan_input: PlanInput) -> None:
        """Make the first plan and write the first journal. Raises NoEngine."""
        self._environ = environ
        self._run = RunningJob(paths, environ, job, plan_input)
        self._commands = StepCommands(self._run)
        self._steps: tuple[Step, ...] = ()
        self._current = -1
        self._once_done: tuple[str, ...] = ()
        self._plan()
        self._run.save()

    def run(self) -> int:
        """Run all steps and write the end into the journal. Returns 0 for success, 1 otherwise."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._on_cancel)
        try:
            self._run.add_notices(end_leftovers(self._run.paths, self._run.job.previous))
            starting.forget_old(self._run.paths)
            self._repair_copies()
            try:
                self._run_steps()
            except BaseException:
                self._put_back()
                raise
            finally:
                self._end_trial()
                self._end_copies()
            self._run.add_notices(self._once_done)
            run = self._run
            run.add_notices(automatic.after_sync(run.paths, self._environ, run.job, run.plan_input))
            self._run.finish("succeeded")
        except Cancelled:
            is_of_config = self._run.job.verb not in (*TEMPORARY, *COPIES)
            todo = f"To apply the config of the VM: `dvm sync {self._run.job.vm}`" if is_of_config else ""
            self._run.finish("cancelled", DvmError("Cancelled.", todo))
        except DvmError as error:
            self._run.finish("failed", error)
        except OSError as error:
            self._run.finish("failed", host_error(error))
        except Exception as error:
            self._run.log.note(traceback.format_exc().rstrip())
            self._run.finish(
                "failed", DvmError(f"Internal error in dvm: {type(error).__name__}.", "Please report it with the log.")
            )
        return 0 if self._run.job.state == "succeeded" else 1

    def _run_steps(self) -> None:
        while self._current + 1 < len(self._steps):  # a check can plan the remaining steps again
            self._current += 1
            step = self._steps[self._current]
            if step.skip_reason:
                self._run.note_step(self._current, state="skipped", reason=step.skip_reason)
            else:
                if step.script is not None and applied_recipes.RECIPE in step.script.variables:
                    plans.check_secrets(self._run.plan_input, self._run.options)  # before the first of them runs
                self._run_step(self._current, step)

    def _put_back(self) -> None:
        """Run the restoring steps, also after a cancel; a second cancel ends them."""
        self._run.cancel = threading.Event()

        def run(index: int, step: Step) -> None:
            self._current = index
            self._run_step(index, step)

        def status() -> str:
            found = self._run.lima.find(self._run.plan_input.desired.instance)
            if found is not None and found.status == "Stopped":
                checks.check_as_it_is(self._run.plan_input, found)  # do not start a VM that opens the host
            return found.status if found is not None else ""

        first = self._current + 1
        self._run.add_notices(restoring.put_back(self._run.job.vm, self._steps, first, run, status))

    def _run_step(self, index: int, step: Step) -> None:
        run = self._run
        if run.cancel.is_set():
            raise Cancelled
        started = run.job.with_step(index, state="running", started=time.time(), log_from=run.log.size)
        run.job = replace(started, child=None)
        if step.argv:
            run.save()
        try:
            applied_recipes.begins(run.paths, run.job.vm, run.plan_input.latest, step.script)
            finished = self._commands.run_step(step) if step.argv else NOTHING
            state, reason = self._judge(step, finished)
            noted = applied_recipes.LATE if finished.code == PROBE_LATE else state
            applied_recipes.ended(run.paths, run.job.vm, run.plan_input.latest, step.script, noted)
        except BaseException:
            ended = {"ended": time.time(), "log_to": run.log.size}
            run.note_step(index, state="failed", **ended)
            raise
        run.note_step(index, state=state, reason=reason, code=finished.code, ended=time.time(), log_to=run.log.size)

    def _judge(self, step: Step, finished: Finished) -> tuple[str, str]:
        """The step's state and reason. Raises DvmError for a failure that ends the job."""
        run, is_optional = self._run, step.check.endswith("-optional")
        if finished.ended == "cancelled":
            raise Cancelled
        is_guest_check = step.check.startswith(GUEST_CHECKS)
        if finished.code == NOT_HERE and step.check != "answer" and not is_guest_check:
            if step.check == "key":
                write_note(run.paths, run.job.vm, "no-key", guest_steps.NOT_RUN)
            return "not-run", last_output(finished) or "not run in the demo"
        if finished.code == PROBE_LATE and step.script is not None and applied_recipes.RECIPE in step.script.variables:
            return "not-run", f"the recipe ran; {guest_steps.LATE}"
        if finished.code == KEY_REFUSED and step.check == "clone":
            raise refused_clone(run.plan_input, run.log.tail, read_note(run.paths, run.job.vm, "key.pub"))
        if finished.code == SECRET_MISSING and step.secrets and step.script is not None:
            raise guest_steps.secret_needed(run.job.vm, step.script.variables[applied_recipes.RECIPE], step.secrets)
        if (finished.code != 0 or finished.ended != "exit") and not is_guest_check and not is_optional:
            raise failed_step(step, finished, run.log.tail, run.plan_input, run.paths)
        if step.check in checks.CHECKS:
            return self._check(step, finished)
        return "done", ""

    def _check(self, step: Step, finished: Finished) -> tuple[str, str]:
        outcome = checks.CHECKS[step.check](self._run, self._run.plan_input, finished)
        self._run.add_notices(outcome.notices)
        self._once_done += outcome.once_done
        if outcome.plan_input is not self._run.plan_input:
            self._run.plan_input = outcome.plan_input
            self._plan()
        return "not-run" if outcome.has_failed else "done", outcome.reason

    def _plan(self) -> None:
        """Make the plan from its input again; the steps up to the current one keep their records."""
        self._steps = plans.plan(self._run.job.verb, self._run.plan_input, self._run.options)
        kept = self._run.job.steps[: self._current + 1]
        fresh = tuple(
            StepRecord(step.title, step.argv, reason=step.skip_reason, always=step.always)
            for step in self._steps[len(kept) :]
        )
        self._run.job = replace(self._run.job, steps=kept + fresh)

    def _end_trial(self) -> None:
        """Delete the temporary VM of a recipe test, or of a base that was not built to its end."""
        run = self._run
        if run.job.verb == "base":
            run.add_notices(building.end(run.paths, run.job, run.lima, run.log.add_output))
        if run.job.verb == "test":
            kept = {"is_made": run.has_made, "is_kept": run.options.keep}
            run.add_notices(recipe_trials.end(run.paths, run.job, run.lima, run.log.add_output, **kept))

    def _repair_copies(self) -> None:
        """Finish or undo an interrupted checkpoint or rewind first; what it changes is read and planned again."""
        run = self._run
        if run.job.verb in TEMPORARY:
            return
        if notes := copy_ends.repair(run.paths, run.lima, run.job.vm):
            run.add_notices(notes)
            secrets = run.plan_input.secrets
            run.plan_input = load_input(run.paths, self._environ, run.job.vm, run.job.verb, secrets)
            self._plan()

    def _end_copies(self) -> None:
        """Remove the copy of a checkpoint or a rewind that failed; finish a rewind that has moved the VM."""
        run = self._run
        if run.job.verb in COPIES:
            try:
                run.add_notices(copy_ends.repair(run.paths, run.lima, run.job.vm))
            except (DvmError, OSError) as error:
                what = error.what if isinstance(error, DvmError) else str(error)
                run.add_notices((f"{sentence(what.splitlines()[0])} To try again: `dvm checkpoint ls`",))

    def _on_cancel(self, number: int, frame: FrameType | None) -> None:
        self._run.cancel.set()
