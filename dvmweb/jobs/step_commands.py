"""Runs the command of one step: a question to the guest, a create, a start, or any other command."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from dvmweb.errors import CheckFailed, DvmError
from dvmweb.jobs import engine_lock, recipe_trials, waiting
from dvmweb.jobs.bases import copying
from dvmweb.jobs.creating import create
from dvmweb.jobs.running_job import RunningJob
from dvmweb.jobs.step_progress import Notes
from dvmweb.lima import commands, image_file
from dvmweb.lima.client import SSH_FAILED
from dvmweb.lima.command_display import shown
from dvmweb.lima.deadlines import DELETE, PROBE, scaled
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.lima.progress_bar import BarReader
from dvmweb.lima.script_payload import GuestScript
from dvmweb.names import new_id
from dvmweb.plans import Step
from dvmweb.records import guest_status, last_use

ANSWER_POLL = 2.0  # seconds between two questions to a guest that still boots
QUIET = (*waiting.LISTS, "key")  # the output of these is not logged
GUEST_CHECKS = ("work", "sandbox")  # prefixes of checks that ask the guest and store also a failed check


def _only_reads(step: Step) -> bool:
    """Whether the step's script only asks the guest and changes nothing."""
    return step.check == "answer" or step.check.startswith(GUEST_CHECKS)


class StepCommands:
    """Runs the commands of a job's steps, one after the other."""

    def __init__(self, run: RunningJob) -> None:
        self._run = run

    def run_step(self, step: Step) -> Finished:
        """Run the command of a step and return its result."""
        run = self._run
        run.log.begin(f"$ {shown(step.argv)}")
        run.has_changed = run.has_changed or bool(step.locks_engine) or (bool(step.script) and not _only_reads(step))
        run.use = last_use.read(run.paths, run.job.vm)
        run.has_waited = run.has_waited or step.check == "answer"
        if step.check == "answer":
            return self._wait_for_answer(step)
        if step.check.startswith(GUEST_CHECKS):
            return self._query(step, step.timeout)
        if step.locks_engine == "running":
            return self._start(step)
        if step.check in waiting.LISTS:
            return waiting.listed(lambda: self._command(step), run.plan_input.desired.instance, run.cancel)
        lock = run.engine_lock() if step.locks_engine else None
        run.use = last_use.read(run.paths, run.job.vm)  # waiting for the lock can take minutes
        try:
            return self._create(step) if step.locks_engine == "create" else self._command(step)
        finally:
            if lock is not None:
                lock.release()

    def _copy(self, step: Step) -> Finished:
        """Copy a base to the instance of this VM."""
        run, name = self._run, self._run.plan_input.desired.instance
        base = run.plan_input.base.name if run.plan_input.base else ""
        return copying.copy(
            *(run.paths, run.job.vm, base, run.lima.find, lambda: self._command(step)),
            lambda: self._clean_up(commands.delete_force(name)),
        )

    def _create(self, step: Step) -> Finished:
        if step.check == "base-copied":
            return self._copy(step)
        name = self._run.plan_input.desired.instance
        return create(
            name,
            lambda: self._run.lima.find(name),
            lambda: self._make(step),
            lambda: self._clean_up(commands.delete(name)),
        )

    def _make(self, step: Step) -> Finished:
        run = self._run
        with recipe_trials.origin_held(run.paths, run.options.origin):
            if not run.options.origin:
                image_file.check(run.plan_input.desired.image)  # again, because the file can have been replaced
            run.has_made = True  # an instance that exists from here on was created by this job
            return self._command(step, with_bars=True)

    def _clean_up(self, argv: tuple[str, ...]) -> None:
        self._run.log.note(f"$ {shown(argv)}")
        self._run.lima.run(argv, DELETE, on_output=self._run.log.add_output)  # also when the job was cancelled

    def _start(self, step: Step) -> Finished:
        """Start the VM; release the lock of all VMs as soon as it is Running; note the booted instance."""
        watcher = engine_lock.UntilRunning(self._run.engine_lock(), self._running_instance)
        try:
            finished = self._command(step)
        finally:
            watcher.stop()
        booted = watcher.instance or self._running_instance()
        self._run.plan_input = replace(self._run.plan_input, booted=booted)
        return finished

    def _running_instance(self) -> Instance | None:
        """The VM's instance if it is Running, else None."""
        with suppress(DvmError):  # the caller lists again
            instance = self._run.lima.find(self._run.plan_input.desired.instance)
            return instance if instance is not None and instance.is_running else None
        return None

    def _command(self, step: Step, *, with_bars: bool = False) -> Finished:
        if step.script is None:
            return self._run_command(step, with_bars=with_bars)
        last_use.touch(self._run.paths, self._run.job.vm)  # the script changes the guest until it ends
        try:
            return self._run_command(step)
        finally:
            last_use.touch(self._run.paths, self._run.job.vm)

    def _run_command(self, step: Step, *, with_bars: bool = False) -> Finished:
        run = self._run
        progress = Notes(run.paths, run.job_id)
        return run.lima.run(
            step.argv,
            step.timeout,
            stdin=self._question(step.script).payload() if step.script else b"",
            on_output=None if step.check in QUIET else run.log.add_output,
            cancelled=run.cancel,
            on_started=run.remember_child,
            network=step.needs_network,
            bars=BarReader(progress.note) if with_bars else None,
        )

    def _question(self, script: GuestScript) -> GuestScript:
        """The script with a new nonce, so that a late answer to an earlier question is not accepted."""
        self._run.plan_input = replace(self._run.plan_input, nonce=new_id())
        return script.with_nonce(self._run.plan_input.nonce)

    def _query(self, step: Step, timeout: float) -> Finished:
        assert step.script is not None  # noqa: S101
        run = self._run
        instance, more = run.plan_input.desired.instance, {"cancelled": run.cancel, "on_started": run.remember_child}
        try:
            return run.lima.query(instance, self._question(step.script), timeout, **more)
        except CheckFailed as error:  # the command did not start; same result as a lost connection
            return Finished(step.argv, SSH_FAILED, b"", error.what.encode(), 0.0)

    def _wait_for_answer(self, step: Step) -> Finished:
        """Ask until the guest responds, which is up to a minute after its status is Running."""
        run = self._run
        deadline = time.monotonic() + step.timeout
        check_at = time.monotonic()
        patience = scaled(PROBE * 2, run.plan_input.pace)
        while True:
            finished = self._query(step, patience)
            is_lost = finished.ended == "deadline" or finished.code == SSH_FAILED
            if not is_lost or run.cancel.is_set() or time.monotonic() > deadline:
                break
            if time.monotonic() >= check_at:
                waiting.must_be_up(run.plan_input, run.lima, run.cancel)
                check_at = time.monotonic() + waiting.CHECK_EVERY
            if finished.ended == "deadline":  # it can be slow: wait longer
                patience = min(patience * 1.5, step.timeout)
            run.log.note("no response yet, trying again")
            run.cancel.wait(ANSWER_POLL)
        if is_lost and not run.cancel.is_set():
            guest_status.write(run.paths, run.job.vm, run.plan_input.latest, is_answered=False)
        return finished
