"""Run the steps of one job: journal before and after each, log what comes, end what must end."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from dvmweb import files, plans
from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.jobs import applied as recipes_told
from dvmweb.jobs import checks, engine_lock, journal, starting, stored, trials
from dvmweb.jobs.creating import create
from dvmweb.jobs.failures import failed_step, last_words
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.journal import Failure, Job, Process, StepRecord
from dvmweb.jobs.leftovers import end_leftovers
from dvmweb.jobs.worlds import read_note, write_note
from dvmweb.lima import commands
from dvmweb.lima.client import SSH_FAILED, Lima
from dvmweb.lima.deadlines import DELETE, PROBE
from dvmweb.lima.entering import shown
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import Options, Step, World, guest_steps

NOT_HERE = 69  # exit code of a guest script that cannot do its work in the demo
SECRET_MISSING = 76  # exit code of a recipe that takes a secret which the guest keeps, where it has none
KEY_REFUSED = 77  # exit code of _clone.sh when the server does not know the VM's key
ANSWER_POLL = 2.0  # seconds between two questions to a guest that still boots
QUIET = ("look-first", "must-exist", "deletable", "effective-config", "is-gone", "key")  # answers for us, no log
LOOKS = ("work", "wall")  # checks that ask the guest and keep its answer, whatever it is
NOTHING = Finished((), 0, b"", b"", 0.0, "exit")


class Cancelled(Exception):
    """The user asked the job to end."""


class Runner:
    """One job from its first step to its last."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], job: Job, world: World) -> None:
        self.paths = paths
        self.job_id = job.id
        self.options = Options(**job.options)
        self._world = world
        self._cancel = threading.Event()
        self._lima = Lima(world.engine, paths, environ, vm=job.vm, job=job.id)
        self._log = JobLog(journal.log_file(paths, job.id))
        self._current = -1
        self._has_made = False
        _, warning = self._lima.version()  # asked once for each limactl file; raises NoEngine below 2.0
        notices = (warning,) if warning else ()
        me = Process.of(os.getpid())
        self._job = replace(job, state="running", process=me, started=time.time(), notices=notices)
        self._plan()
        self._save()

    def run(self) -> int:
        """Run all steps; the journal holds the end. Returns 0 for success, 1 otherwise."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._asked_to_end)
        try:
            end_leftovers(self.paths, self._job.previous)
            starting.forget_old(self.paths)
            try:
                self._run_steps()
            finally:
                self._end_trial()
            self._finish("succeeded")
        except Cancelled:
            todo = f"`dvm sync {self._job.vm}` brings the VM to its config." if self._job.verb != "test" else ""
            self._finish("cancelled", DvmError("Cancelled.", todo))
        except DvmError as error:
            self._finish("failed", error)
        except OSError as error:
            self._finish(
                "failed", DvmError(f"This computer says: {error}.", "Mend that (is the disk full?), then run it again.")
            )
        except Exception as error:
            self._log.write(traceback.format_exc().encode())
            self._finish(
                "failed", DvmError(f"A fault in dvm: {type(error).__name__}.", "Please report it with the log.")
            )
        return 0 if self._job.state == "succeeded" else 1

    def end_connections(self) -> None:
        """End terminals and the ssh master that a forced stop leaves behind."""
        self._lima.end_connections(self._world.wish.instance)

    # -- steps ---------------------------------------------------------------------------------------------------

    def _run_steps(self) -> None:
        while self._current + 1 < len(self._steps):  # a check may draw the rest of the plan anew
            self._current += 1
            step = self._steps[self._current]
            if step.skip_reason:
                self._job = self._job.with_step(self._current, state="skipped", reason=step.skip_reason)
            else:
                if step.script is not None and recipes_told.RECIPE in step.script.variables:
                    plans.check_secrets(self._world, self.options)  # before the first of them runs
                self._run_step(self._current, step)

    def _run_step(self, index: int, step: Step) -> None:
        if self._cancel.is_set():
            raise Cancelled
        started = self._job.with_step(index, state="running", started=time.time(), log_from=self._log.size)
        self._job = replace(started, child=None)
        if step.argv:
            self._save()
        try:
            recipes_told.begins(self.paths, self._job.vm, self._world.latest, step.script)
            finished = self._act(step) if step.argv else NOTHING
            state, reason = self._judge(step, finished)
            recipes_told.ended(self.paths, self._job.vm, self._world.latest, step.script, state)
        except BaseException:
            ended = {"ended": time.time(), "log_to": self._log.size}
            self._job = self._job.with_step(index, state="failed", **ended)
            raise
        self._job = self._job.with_step(
            index, state=state, reason=reason, code=finished.code, ended=time.time(), log_to=self._log.size
        )

    def _judge(self, step: Step, finished: Finished) -> tuple[str, str]:
        """The step's state and word; raises for a failure that ends the job."""
        is_optional = step.check.endswith("-optional")
        if finished.ended == "cancelled":
            raise Cancelled
        is_look = step.check.startswith(LOOKS)
        if finished.code == NOT_HERE and step.check != "answer" and not is_look:
            if step.check == "key":
                write_note(self.paths, self._job.vm, "no-key", guest_steps.NOT_RUN)
            return "not-run", last_words(finished) or "not run in the demo"
        if finished.code == KEY_REFUSED and step.check == "clone":
            raise checks.refused_clone(self._world, finished.stderr, read_note(self.paths, self._job.vm, "key.pub"))
        if finished.code == SECRET_MISSING and step.secrets:
            raise guest_steps.secret_needed(self._job.vm, step.title.removeprefix("recipe "), step.secrets)
        if (finished.code != 0 or finished.ended != "exit") and not is_look and not is_optional:
            raise failed_step(step, finished, self._log.tail)
        if step.check in checks.CHECKS:
            return self._check(step, finished)
        return "done", ""

    def _check(self, step: Step, finished: Finished) -> tuple[str, str]:
        outcome = checks.CHECKS[step.check](self, self._world, finished)
        self._job = replace(self._job, notices=(*self._job.notices, *outcome.notices))
        if outcome.world is not self._world:
            self._world = outcome.world
            self._plan()
        is_blind = step.check.startswith(LOOKS) and outcome.reason.startswith("could not look")
        return "not-run" if is_blind else "done", outcome.reason

    def _plan(self) -> None:
        """Draw the plan from the world; the steps up to the current one keep their records."""
        self._steps = plans.plan(self._job.verb, self._world, self.options)
        kept = self._job.steps[: self._current + 1]
        fresh = tuple(StepRecord(step.title, step.argv) for step in self._steps[len(kept) :])
        self._job = replace(self._job, steps=kept + fresh)

    # -- acting --------------------------------------------------------------------------------------------------

    def _act(self, step: Step) -> Finished:
        self._log.begin(f"$ {shown(step.argv)}")
        if step.check == "answer":
            return self._wait_for_answer(step)
        if step.check.startswith(LOOKS):
            return self._ask(step, step.timeout)
        if step.locks_engine == "running":
            return self._start(step)
        lock = self._engine_lock() if step.locks_engine else None
        try:
            return self._create(step) if step.locks_engine == "create" else self._command(step)
        finally:
            if lock is not None:
                lock.release()

    def _create(self, step: Step) -> Finished:
        name = self._world.wish.instance
        return create(
            name,
            lambda: self._lima.find(name),
            lambda: self._make(step),
            lambda: self._clean_up(commands.delete(name)),
        )

    def _make(self, step: Step) -> Finished:
        with trials.origin_held(self.paths, self.options.origin):
            self._has_made = True  # what is there from here on is of this job
            return self._command(step)

    def _end_trial(self) -> None:
        """A throwaway VM goes however its job ends."""
        if self._job.verb == "test":
            kept = {"is_made": self._has_made, "is_kept": self.options.keep}
            told = trials.end(self.paths, self._job, self._lima, self._log.heard, **kept)
            self._job = replace(self._job, notices=(*self._job.notices, *told))

    def _clean_up(self, argv: tuple[str, ...]) -> None:
        self._log.heard(f"$ {shown(argv)}\n".encode())
        self._lima.run(argv, DELETE, on_output=self._log.heard)  # also when the job was cancelled

    def _start(self, step: Step) -> Finished:
        """Start, give the lock of all VMs back once the VM is Running, and remember this boot's host agent."""
        watcher = engine_lock.UntilRunning(self._engine_lock(), self._running_instance)
        try:
            finished = self._command(step)
        finally:
            watcher.stop()
        booted = watcher.instance or self._running_instance()
        self._world = replace(self._world, booted=booted)
        return finished

    def _command(self, step: Step) -> Finished:
        return self._lima.run(
            step.argv,
            step.timeout,
            stdin=step.script.payload() if step.script else b"",
            on_output=None if step.check in QUIET else self._log.heard,
            cancelled=self._cancel,
            on_started=self._remember_child,
            network=step.needs_network,
        )

    def _ask(self, step: Step, timeout: float) -> Finished:
        assert step.script is not None  # noqa: S101
        instance, more = self._world.wish.instance, {"cancelled": self._cancel, "on_started": self._remember_child}
        try:
            return self._lima.ask(instance, step.script, timeout, **more)
        except CouldNotLook as error:  # it was never started: no answer, like a dead line
            return Finished(step.argv, SSH_FAILED, b"", error.what.encode(), 0.0)

    def _wait_for_answer(self, step: Step) -> Finished:
        """Ask until the guest answers: `Running` comes a minute before it does."""
        deadline = time.monotonic() + step.timeout
        while True:
            finished = self._ask(step, PROBE * 2)
            is_lost = finished.ended == "deadline" or finished.code == SSH_FAILED
            if not is_lost or self._cancel.is_set() or time.monotonic() > deadline:
                break
            self._log.write(b"no answer yet, asking again\n")
            self._cancel.wait(ANSWER_POLL)
        if is_lost and not self._cancel.is_set():
            stored.write_reach(self.paths, self._job.vm, self._world.latest, is_answered=False)
        return finished

    def _engine_lock(self) -> files.Lock:
        lock = engine_lock.take(self.paths, self._cancel, lambda: self._be("queued"))
        if lock is None:
            raise Cancelled
        if self._job.state == "queued":
            self._be("running")
        return lock

    def _be(self, state: str) -> None:
        self._job = replace(self._job, state=state)
        self._save()

    def _running_instance(self) -> Instance | None:
        """The VM's instance when it is Running now."""
        with suppress(DvmError):  # a listing that fails is asked for again
            instance = self._lima.find(self._world.wish.instance)
            return instance if instance is not None and instance.is_running else None
        return None

    # -- journal and log -----------------------------------------------------------------------------------------

    def _save(self) -> None:
        journal.save(self.paths, self._job)

    def _remember_child(self, pid: int) -> None:
        # A killed job leaves its command running; the next job of this VM finds it here and ends it.
        self._job = replace(self._job, child=Process.of(pid))
        self._save()

    def _finish(self, state: str, error: DvmError | None = None) -> None:
        failure = Failure.of(error) if error else None
        self._job = replace(self._job, state=state, failure=failure, ended=time.time(), child=None)
        with suppress(OSError):
            self._save()

    def _asked_to_end(self, number: int, frame: FrameType | None) -> None:
        self._cancel.set()
