"""A playbook: the engine calls that a job must make, each with its answer, line by line, and how the job ends.

    > limactl list --format json          the call, in this order and none beside it
    < app is Stopped                      its answer, by a name of `ANSWERS`
    > guest: work.sh                      a script of ours over the shared connection to the guest
    < work: 1 loose file
    = failed: Delete with --force         the end of the job, and words of its failure
    ! app was stopped again               a notice to the user

The job runs in this process with all its checks, journal and locks; only the engine and the guest are played.
"""

from __future__ import annotations

import difflib
import json
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dvmweb.guest.state import GuestState
from dvmweb.jobs import engine_lock, job_record, step_commands, waiting
from dvmweb.jobs.inputs import read_note, write_note
from dvmweb.jobs.job_record import Job
from dvmweb.jobs.running import Runner
from dvmweb.lima import client, commands, engine, process
from dvmweb.lima.command_display import shown
from dvmweb.lima.engine import Engine
from dvmweb.lima.process import Finished
from dvmweb.names import new_id
from dvmweb.paths import Paths, from_environment
from dvmweb.plans import PlanInput
from tests.plans.given import ID, STATE, instance_facts, plan_input

SCRIPT = re.compile(rb"printf %s (\S+) >\./main")
VARIABLE = re.compile(rb"export (DVM_[A-Z]+)='?([^'\n]*)")
KEY = ("key", "ssh-ed25519 " + "A" * 68, "SHA256:" + "x" * 43)
Answer = Callable[["Call"], Finished]


class OffTheBook(BaseException):
    """The job made another call than the book has; nothing in a job may handle it."""


@dataclass(frozen=True)
class Call:
    """One call of the engine, as the job made it."""

    argv: tuple[str, ...]
    stdin: bytes
    lima_yaml: Path

    def __str__(self) -> str:
        if main := SCRIPT.search(self.stdin):
            recipe = self.variables.get("DVM_RECIPE", "")
            apart = " (connection of its own)" if "ControlPath=none" in self.argv else ""
            return f"guest: {main[1].decode()}{f' {recipe}' if recipe else ''}{apart}"
        if "-O" in self.argv:
            return "ssh -O exit"
        return shown((Path(self.argv[0]).name, *self.argv[1:])).replace(str(self.lima_yaml), "LIMA_YAML")

    @property
    def variables(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in VARIABLE.findall(self.stdin)}

    def ends(self, code: int = 0, out: bytes = b"", err: str = "", ended: str = "exit") -> Finished:
        return Finished(self.argv, code, out, err.encode(), 0.1, ended)

    def reports(self, kind: str, *records: tuple[str | bytes, ...]) -> Finished:
        """The answer of a guest script to this very question."""
        nonce = self.variables["DVM_NONCE"]
        fields: list[str | bytes] = ["dvm-answer", kind, "1", nonce]
        for tag, *values in (*records, ("end", nonce)):
            fields += [tag, str(len(values)), *values]
        return self.ends(out=b"".join((one.encode() if isinstance(one, str) else one) + b"\0" for one in fields))


def state_of(guest: GuestState) -> Answer:
    """The guest answers the question of a sync so."""
    records: list[tuple[str, ...]] = [("host", guest.hostname, guest.user, str(guest.uid), guest.boot_id)]
    records += [("identity", *(guest.identity or ("", "")))]
    records += [("key", KEY[1])] if guest.key else []
    records += [("applied", name, one.hash, one.result, str(one.seconds)) for name, one in guest.applied.items()]
    records += [("probe", name, result) for name, result in guest.probes.items()]
    return lambda call: call.reports("state", *records, ("code", guest.code, guest.origin))


def work(*found: tuple[str, ...], loose: str = "0") -> Answer:
    """The guest answers the question for unsaved work so."""
    checked = (("checked", "/home/dev/code", "/home/dev/code"), ("skipped", "ignored"), ("skipped", "loose"))
    names = ["note.txt"] if loose != "0" else []
    last = (("loose", loose, loose, *names), ("digest", "0" * 64))
    return lambda call: call.reports("work", ("identity", "dvm-app", ID), *checked, *found, *last)


NEW_GUEST = replace(STATE, identity=None, applied={}, probes={}, key="", code="absent")
ANSWERS: dict[str, Answer] = {
    "ok": lambda call: call.ends(),
    "no instances": lambda call: call.ends(),
    "no answer": lambda call: call.ends(255, err="Connection refused"),
    "hangs": lambda call: call.ends(1, ended="deadline"),
    "state: a new guest": state_of(NEW_GUEST),
    "state: all is applied": state_of(STATE),
    "state: the recipe node is not applied": state_of(
        replace(STATE, applied={"baseline": STATE.applied["baseline"]}, probes={"baseline": "ok"})
    ),
    "state: another guest": state_of(replace(STATE, hostname="lima-dvm-other")),
    "key: a new one": lambda call: call.reports("key", KEY),
    "work: nothing found": work(),
    "work: 1 loose file": work(loose="1"),
}


class Playbook:
    """Plays one job after the other on the VM `app`, in a home of its own."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: Paths = from_environment({"HOME": str(home)})
        self.lima_yaml = self.paths.vm_state("app") / "lima.yaml"
        self.answers = dict(ANSWERS)
        self._left: list[tuple[str, str]] = []
        self._made: list[str] = []
        limactl = home / "limactl"
        limactl.touch()
        self.engine = Engine("lima", (str(limactl),), ("ssh",))
        self.paths.state.mkdir(parents=True, mode=0o700)
        engine.remember_version(self.engine, self.paths, "limactl version 2.2.1")
        monkeypatch.setattr(process, "run", self._run)
        for module, pause in ((step_commands, "ANSWER_POLL"), (waiting, "PAUSE"), (client, "AGAIN")):
            monkeypatch.setattr(module, pause, 0.0)
        monkeypatch.setattr(engine_lock, "RUNNING_POLL", 3600.0)  # the job itself lists once the start has ended

    def is_created(self) -> None:
        """The VM was started before: Lima has written its ssh.config."""
        config = commands.ssh_config(self.paths.lima_home, "dvm-app")
        config.parent.mkdir(parents=True, exist_ok=True)
        config.touch()

    def knows_its_guest(self) -> None:
        """A sync has marked the guest."""
        write_note(self.paths, "app", "identity", ID)

    def plays(self, verb: str, book: str, *, given: PlanInput | None = None, **options: Any) -> Job:
        """Run a job, which must make the calls of the book and end as it says."""
        __tracebackhide__ = True
        calls, ends, notices = _read(book)
        self._left, self._made = list(calls), []
        job = job_record.new("app", verb, new_id(), options, "")
        job_record.folder(self.paths, job.id).mkdir(parents=True)
        job_record.save(self.paths, job)
        with suppress(OffTheBook):
            self._run_job(job, given or plan_input())
        expected = [call for call, _ in calls]
        if self._made != expected:
            pytest.fail("\n".join(("The job made other calls:", *difflib.ndiff(expected, self._made))), pytrace=False)
        done = job_record.read(self.paths, job.id)
        told = f"{done.failure.what} {done.failure.todo}" if done.failure else ""
        state, _, words = ends.partition(": ")
        assert done.state == state, f"it {done.state}: {told}"
        assert words in told
        for notice in notices:
            assert any(notice in one for one in done.notices), (notice, done.notices)
        return done

    def _run_job(self, job: Job, given: PlanInput) -> None:
        found = replace(
            given,
            engine=self.engine,
            lima_home=self.paths.lima_home,
            lima_file=self.lima_yaml,
            known_id=read_note(self.paths, "app", "identity"),
            new_id=ID,
        )
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            Runner(self.paths, {}, job, found).run()
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def _run(self, argv: tuple[str, ...], *, stdin: bytes | int = b"", **_: object) -> Finished:
        call = Call(tuple(argv), stdin if isinstance(stdin, bytes) else b"", self.lima_yaml)
        self._made.append(str(call))
        if not self._left or self._left[0][0] != str(call):
            raise OffTheBook
        answer = self._left.pop(0)[1]
        if str(call).startswith("limactl start"):
            self.is_created()
        if failed := re.fullmatch(r"exit (\d+): (.*)", answer):
            return call.ends(int(failed[1]), err=f"{failed[2]}\n")
        if status := re.fullmatch(r"app is (\w+)( and was never started)?", answer):
            facts = {**instance_facts(status[1]), "dir": str(self.paths.lima_home / "dvm-app")}
            facts["hostAgentPID"] = 1 if status[1] == "Running" else 0
            facts["config"].setdefault("user", {})["passwordlessSudo"] = True  # Lima fills it in
            return call.ends(out=json.dumps(facts).encode())
        return self.answers[answer](call)


def _read(book: str) -> tuple[list[tuple[str, str]], str, list[str]]:
    """The calls with their answers, the end, the notices."""
    stripped = (line.strip() for line in book.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    calls = [line[2:] for line in lines if line.startswith("> ")]
    answers = [line[2:] for line in lines if line.startswith("< ")]
    (end,) = [line[2:] for line in lines if line.startswith("= ")]
    marks = "".join(line[0] for line in lines)
    assert re.fullmatch(r"(><)*=!*", marks), f"a book is calls with answers, the end, notices: {marks}"
    return list(zip(calls, answers, strict=True)), end, [line[2:] for line in lines if line.startswith("! ")]
