"""What a VM is in, and what is said of it: the table of states and verbs on a real process, each hint followed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from dvmweb.jobs import current_state, job_record
from dvmweb.jobs.inputs import load_input
from dvmweb.jobs.running import Runner
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.names import new_id
from dvmweb.plans import guest_steps
from dvmweb.states import TABLE, VERBS, State
from tests.journey.cli.home import HAS_KEYGEN, DvmHome, until
from tests.journey.cli.result import Result
from tests.journey.driver import User

pytestmark = pytest.mark.usefixtures("guests_work")
LINES = {
    "stop": "stop app --yes",
    "stop --force": "stop app --yes --force",
    "rm": "rm app --yes",
    "rm --force": "rm app --yes --force",
    "rm --now --force": "rm app --now --yes --force",
    "ssh": "ssh app -- true",
}
BY_CLI = tuple(verb for verb in VERBS if verb not in ("terminal", "upload"))  # those two belong to the dashboard


class Place:
    """One VM, and the ways to bring it into each state."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.vm = user.vm("app")

    def run(self, verb: str) -> Result:
        return self.user.dvm(LINES.get(verb, f"{verb} app"))

    def state(self) -> State:
        """The state as the product sees it; a silent one only shows itself when it is asked."""
        paths, environ = self.user.paths, self.user.home.environ
        instance = Lima(find_engine(environ, paths), paths, environ).find("dvm-app")
        fault = self.vm.instance / "fault.json"
        is_silent = fault.exists() and "silent" in fault.read_text()
        return current_state.facts_about(paths, "app", instance, is_silent=is_silent).state

    def sane(self) -> None:
        """A VM that answers, whatever was before."""
        (self.vm.instance / "fault.json").unlink(missing_ok=True)
        if self.state() in (State.NO_FILE, State.BAD_FILE):
            subprocess.run(("rm", "-rf", str(self.vm.instance)), check=True)
        if self.state() is State.DIED:
            self.user.dvm("stop app --force").succeeds()
        self.user.dvm("sync app").succeeds()

    def into(self, state: State) -> None:
        """Bring the VM into a state, by what really leads there."""
        if state is not State.NOT_CREATED:
            self.sane()
        _INTO[state](self)
        assert self.state() is state

    def _kill_the_agent(self) -> None:
        os.kill(json.loads((self.vm.instance / "agent.json").read_text())["pid"], signal.SIGKILL)
        until(lambda: self.state() is State.DIED)

    def _stop(self) -> None:
        self.user.dvm("stop app").succeeds()

    def _delete(self) -> None:
        if self.vm.is_created:
            self.user.dvm("rm app --yes --force").succeeds()

    def _boot(self) -> None:
        self._stop()
        self.vm.is_given(booting=True)
        environ = {**self.user.home.environ, "LIMA_HOME": str(self.user.paths.lima_home)}
        argv = (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", "start", "--tty=false", "dvm-app")
        subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.state() is State.BOOTING)

    def _lose_the_file(self) -> None:
        self._stop()
        (self.vm.instance / "lima.yaml").unlink()

    def _break_the_file(self) -> None:
        self._stop()
        (self.vm.instance / "lima.yaml").chmod(0o600)
        (self.vm.instance / "lima.yaml").write_text("cpus: [\n")

    def follow(self, text: str) -> None:
        """Do what a hint says, word by word."""
        commands = re.findall(r"`((?:dvm|limactl|rm) [^`]+)`", text)
        assert commands, f"no command in: {text}"
        for command in commands:
            program, _, line = command.partition(" ")
            if program == "dvm":
                job = self.user.starts(line)
                if line.startswith(("start", "log")):  # it waits for the boot, which now goes on
                    (self.vm.instance / "fault.json").unlink(missing_ok=True)
                job.ends(120).succeeds()
            else:
                subprocess.run(shlex.split(command), check=True)

    def helped(self, text: str) -> None:
        """After the hint the VM works again, or is gone where the hint was to give it up."""
        if "rm -r" in text or "dvm rm" in text:
            assert self.state() is State.NOT_CREATED
            if "--config" in text:
                self.user.dvm("init app").succeeds()
            self.user.dvm("sync app").succeeds()
        if self.state() is State.STOPPED:  # the hint of a stop
            assert "`dvm start" not in text
            self.user.dvm("start app").succeeds()
        self.user.dvm("ssh app -- true").succeeds()


_INTO: dict[State, Callable[[Place], object]] = {
    State.NOT_CREATED: Place._delete,
    State.STOPPED: Place._stop,
    State.ANSWERS: lambda _: None,
    State.BOOTING: Place._boot,
    State.SILENT: lambda place: place.vm.is_given(silent=True),
    State.DIED: Place._kill_the_agent,
    State.NO_FILE: Place._lose_the_file,
    State.BAD_FILE: Place._break_the_file,
    State.ODD: lambda place: place.vm.is_given(status="Installing"),
}


@pytest.fixture
def place(user: User) -> Iterator[Place]:
    user.dvm("init app").succeeds()
    place = Place(user)
    yield place
    if place.vm.is_created and not (place.vm.instance / "lima.yaml").exists():
        shutil.rmtree(place.vm.instance)


def test_a_failed_sync_leaves_its_mark_also_where_nothing_was_created(user: User) -> None:
    user.dvm("init app").succeeds()
    user.engine_fails("create", "no image")
    user.dvm("sync app").fails()
    user.dvm("ls").succeeds().prints("not created, last sync failed")
    app = user.vm("app")
    failed = app.row["failed"]
    assert (failed["verb"], failed["state"]) == ("sync", "failed")
    user.engine_works()
    user.dvm("sync app").succeeds()
    app.shows(failed=None)
    user.engine_fails("rename", "busy")
    user.dvm("rm app --yes --force").fails()
    user.dvm("ls").succeeds().prints("last delete failed")  # not every delete that did not delete was refused


def run_here(dvm_home: DvmHome, verb: str) -> job_record.Job:
    """A job in this very process, so that a test can take its patience away."""
    job = job_record.new("app", verb, new_id(), {}, "")
    job_record.folder(dvm_home.paths, job.id).mkdir(parents=True)
    job_record.save(dvm_home.paths, job)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        Runner(dvm_home.paths, dvm_home.environ, job, load_input(dvm_home.paths, dvm_home.environ, "app", verb)).run()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return job_record.read(dvm_home.paths, job.id)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["sync", "start"])
def test_a_guest_that_does_not_answer_for_minutes_gets_the_hint_that_helps(
    place: Place, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebooting, hung, without a network: by its state nobody can tell, and another boot helps all of them."""
    place.into(State.SILENT)
    monkeypatch.setattr(guest_steps, "WAIT_FOR_ANSWER", 0.5)
    job = run_here(place.user.home, verb)
    assert job.failure is not None
    assert (job.state, job.failure.kind) == ("failed", "CheckFailed")
    assert "The guest of app did not respond within 0 s." in job.failure.what
    assert "Connection reset by peer" in job.failure.what
    place.follow(job.failure.todo)
    place.helped(job.failure.todo)


@pytest.mark.slow
@pytest.mark.timeout(900)  # some thirty commands, each with a job
@pytest.mark.parametrize("state", list(State))
def test_every_verb_in_every_state_says_what_helps_and_it_helps(place: Place, state: State) -> None:
    hints: set[str] = set()
    place.into(state)
    refused = [verb for verb in BY_CLI if TABLE[state][verb].what and (state, verb) not in SLOW]
    for verb in refused:
        hints.add(_todo_of(place.run(verb).exits(int(TABLE[state][verb].kind.exit_code)).err))
    assert place.state() is state, "a verb that was refused has changed something"
    for verb in (one for one in BY_CLI if not TABLE[state][one].what and (state, one) not in SLOW):
        if verb not in STILL and place.state() is not state:
            place.into(state)
        ran = place.run(verb)
        if verb == "log":
            ran.warns("demo guests do not keep one")
        elif verb != "ssh-key" or HAS_KEYGEN:
            ran.succeeds()
    for hint in hints:
        if place.state() is not state:
            place.into(state)
        place.follow(hint)
        place.helped(hint)


STILL = ("sh", "ssh", "log", "ssh-key")  # they change no state
# A VM that does not answer is asked for minutes; that is done in this process, with less patience.
SLOW = {(State.BOOTING, "sync"), (State.BOOTING, "start"), (State.SILENT, "sync"), (State.SILENT, "start")}


def _todo_of(err: str) -> str:
    """The lines of an error that hold a hint."""
    found = [line for line in err.splitlines() if "`" in line and not line.startswith("log:")]
    assert found, err
    return found[-1] if len(found) == 1 else "\n".join(found)
