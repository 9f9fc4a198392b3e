"""The command line as its user has it: `dvm` runs as a process of its own, and a test says what it must do.

    user.dvm("sync app").succeeds().prints("done     Recipe git")
    user.vm("app").has_commit_not_pushed()
    user.dvm("rm app --yes").is_refused(because="1 commit not pushed")

What does not hold shows the command, its exit code and all that it printed.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dvmweb.jobs import job_record
from dvmweb.paths import Paths
from tests.journey.cli.home import DvmHome, until
from tests.journey.cli.result import Result
from tests.journey.cli.terminal import OnTerminal
from tests.journey.cli.warm_process import Started

COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm one"


@dataclass(frozen=True)
class Running:
    """A `dvm` that was started and not waited for."""

    command: str
    process: Started

    def ends(self, seconds: float = 100) -> Result:
        """Wait for its end."""
        return Result(self.command, *self.process.ends(seconds))

    def is_killed(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.ends(100)

    def is_interrupted(self) -> Self:
        """Ctrl-C."""
        os.kill(self.process.pid, signal.SIGINT)
        return self


@dataclass(frozen=True)
class JobView:
    """A job as `dvm jobs --json` shows it."""

    user: User = field(repr=False)
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.facts["id"])

    @property
    def state(self) -> str:
        return str(self.facts["state"])

    @property
    def states(self) -> dict[str, str]:
        """The state of each step, by its title."""
        return {step["title"]: step["state"] for step in self.facts["steps"]}

    @property
    def reasons(self) -> dict[str, str]:
        return {step["title"]: step["reason"] for step in self.facts["steps"]}

    @property
    def journal(self) -> dict[str, Any]:
        """Its file, with the process ids that `--json` does not show."""
        found: dict[str, Any] = json.loads((self.user.paths.jobs / self.id / "job.json").read_text())
        return found

    def calls(self) -> list[tuple[str, ...]]:
        """The engine commands that it has run."""
        lines = self.user.dvm(f"log {self.id} --commands").succeeds().out.splitlines()
        return [tuple(line.split()[3:]) for line in lines]

    def called(self, word: str) -> bool:
        """Did it run an engine command with this word?"""
        return any(word in argv for argv in self.calls())


@dataclass(frozen=True)
class Vm:
    """One VM of the user: what is done to it, and how `dvm ls` shows it."""

    user: User = field(repr=False)
    name: str

    @property
    def config(self) -> Path:
        return self.user.paths.vm_config(self.name)

    @property
    def notes(self) -> Path:
        """What the host keeps about it."""
        return self.user.paths.vm_state(self.name)

    @property
    def instance(self) -> Path:
        """Lima's folder of it."""
        return self.user.paths.lima_home / f"dvm-{self.name}"

    @property
    def is_created(self) -> bool:
        return self.instance.exists()

    @property
    def row(self) -> dict[str, Any]:
        """Its row of `dvm ls --json`."""
        rows = self.user.dvm("ls --json").json
        return next(row for row in rows if row["name"] == self.name)

    def shows(self, **facts: Any) -> dict[str, Any]:
        """`dvm ls --json` shows these facts of it; returns the whole row."""
        __tracebackhide__ = True
        row = self.row
        shown = {name: row[name] for name in facts}
        assert shown == facts, f"dvm ls --json shows {shown} of {self.name}, expected {facts}\n{row}"
        return row

    def work(self, verdict: str, **facts: Any) -> dict[str, Any]:
        """`dvm ls --json` shows its work so; returns all that it shows of it."""
        __tracebackhide__ = True
        row = self.row["work"]
        wanted = {"verdict": verdict, **facts}
        shown = {name: row[name] for name in wanted}
        assert shown == wanted, f"dvm ls --json shows the work of {self.name} as {shown}, expected {wanted}\n{row}"
        found: dict[str, Any] = row
        return found

    def has_config(self, text: str | bytes) -> Self:
        """Its config, whole."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    def adds_to_config(self, text: str) -> Self:
        return self.has_config(f"{self.config.read_text()}\n{text}\n")

    def runs(self, script: str, seconds: float = 60) -> str:
        """What a bash script prints in its guest; it must succeed."""
        __tracebackhide__ = True
        return self.user.dvm("ssh", self.name, "--", "bash", "-ec", script, seconds=seconds).succeeds().out

    def has_commit_not_pushed(self) -> Self:
        self.runs(COMMIT)
        return self

    def has_file(self, name: str) -> Self:
        """A file in its code folder that Git does not know."""
        self.runs(f"echo x > {name}")
        return self

    def is_given(self, **fault: object) -> Self:
        """A fault of this instance alone, see demo/faults.py; none: it is well again."""
        file = self.instance / "fault.json"
        file.write_text(json.dumps(fault)) if fault else file.unlink(missing_ok=True)
        return self


class User:
    """Somebody at a terminal, with a home of their own and the demo engine."""

    def __init__(self, home: DvmHome) -> None:
        self.home = home

    @property
    def paths(self) -> Paths:
        return self.home.paths

    def dvm(self, *words: str, typed: str = "", seconds: float = 90, **environ: str) -> Result:
        """Run `dvm` to its end: one string is a command line, more are its arguments."""
        argv = shlex.split(words[0]) if len(words) == 1 else words
        done = self.home.dvm(*argv, stdin=typed, timeout=seconds, **environ)
        return Result(shlex.join(("dvm", *argv)), done.code, done.out, done.err)

    def starts(self, line: str, **environ: str) -> Running:
        """Start `dvm` and leave it running."""
        return Running(f"dvm {line}", self.home.start(*shlex.split(line), **environ))

    def at_terminal(self, line: str, columns: int = 200, term: str = "dumb") -> OnTerminal:
        """Start `dvm` on a terminal, where it asks; a `term` that is not dumb also shows what goes on."""
        return OnTerminal(f"dvm {line}", self.home.argv(*shlex.split(line)), self.home.environ, columns, term)

    def vm(self, name: str) -> Vm:
        return Vm(self, name)

    def has_vm(self, name: str, options: str = "") -> Vm:
        """A VM with a config, synced."""
        __tracebackhide__ = True
        self.dvm(f"init {name} {options}").succeeds()
        self.dvm(f"sync {name}").succeeds()
        return self.vm(name)

    def has_recipe(self, name: str, body: str, header: str = "") -> Path:
        """A recipe of the user's own."""
        folder = self.paths.local_recipes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        head = "".join(
            f"# {line}\n" for line in ("/// recipe", f"summary: The recipe {name}", *header.splitlines(), "///")
        )
        (folder / f"{name}.sh").write_text(f"#!/usr/bin/env bash\n{head}{body}\n")
        return folder / f"{name}.sh"

    @property
    def jobs(self) -> list[JobView]:
        """All jobs, the newest first."""
        return [JobView(self, facts) for facts in self.dvm("jobs --json").json]

    @property
    def last_job(self) -> JobView:
        return self.jobs[0]

    def limactl(self, line: str) -> None:
        """What the user does with plain limactl, past dvm."""
        verb, *words = shlex.split(line)
        self.home.limactl(verb, "--tty=false", *words)

    def engine_fails(self, command: str, error: str, *, code: int = 1, **more: object) -> None:
        """From now on this command of the engine fails; `times=1`: once."""
        self.home.faults(**{command: {"exit": code, "stderr": f"{error}\n", **more}})

    def engine_hangs(self, command: str) -> None:
        self.home.faults(**{command: {"hang": True}})

    def guests_are_silent(self) -> None:
        """No guest can be reached."""
        self.engine_fails("ssh", "Connection refused", code=255)

    def engine_works(self) -> None:
        """No command fails from now on."""
        self.home.faults()

    def engine_calls(self) -> int:
        """How many engine commands were run until now."""
        return self.paths.ledger.read_text().count("\n") if self.paths.ledger.exists() else 0

    def waits_until_job(self, state: str, *, step: str = "") -> JobView:
        """Wait until the newest job is in this state, and in it a command of this step runs."""

        def is_there() -> bool:
            jobs = job_record.newest_first(self.paths)  # by its file: `dvm jobs` many times would cost more
            if not jobs or jobs[0].state != state:
                return False
            running = {one.title for one in jobs[0].steps if one.state == "running"}
            return not step or (step in running and jobs[0].child is not None)

        until(is_there)
        return self.last_job
