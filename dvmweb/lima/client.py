"""Call the engine: run a command, list its instances, ask a guest; every command goes into the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvmweb.errors import CheckFailed
from dvmweb.files import private_folder
from dvmweb.lima import commands, connections, engine, ledger, process
from dvmweb.lima.deadlines import LIST, PROBE, SSH_EXIT, VERSION, scaled
from dvmweb.lima.engine import Engine
from dvmweb.lima.failures import LimaError
from dvmweb.lima.instances import Instance, Listing, parse_list
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.paths import Paths, child_environment

SSH_FAILED = 255  # also the code of a remote command that a signal ended
AGAIN = 0.5  # seconds between a listing that failed and the next one
NETWORK_VARIABLE = "DVM_GUEST_NETWORK"  # Lima ignores it; a demo guest has no network without it


@dataclass(frozen=True)
class Lima:
    """The engine as one VM's job, or a face, uses it. `version` and `list` raise LimaError; `run` never judges."""

    engine: Engine
    paths: Paths
    environ: Mapping[str, str]
    vm: str = ""  # for the ledger
    job: str = ""  # for the ledger
    pace: float = 1.0  # of the guest that it asks, see deadlines.py
    is_quiet: bool = False  # only what failed is recorded: a question put every 15 s would push all else out

    def run(
        self,
        argv: Sequence[str],
        timeout: float,
        *,
        stdin: bytes | int = b"",
        on_output: Callable[[bytes], None] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
        cancelled: threading.Event | None = None,
        on_started: Callable[[int], None] | None = None,
        network: bool = False,
    ) -> Finished:
        """Run a command line of `commands` for at most `timeout` seconds and record it.

        `network` lets a demo guest out for this command. Raises DvmError only when it cannot be started.
        """
        finished = process.run(
            self.resolve(argv),
            env=self.environment(network=network),
            timeout=timeout,
            stdin=stdin,
            on_output=on_output,
            on_stdout=on_stdout,
            cancelled=cancelled,
            on_started=on_started,
            cwd=private_folder(self.paths.state),  # limactl saves a rejected edit into its working directory
        )
        self._record(finished)
        return finished

    def resolve(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command line as it is run: the engine's own program in the place of the word `limactl`."""
        return (*self.engine.limactl, *argv[1:]) if argv[0] == commands.LIMACTL else tuple(argv)

    def environment(self, *, network: bool = False) -> dict[str, str]:
        """The environment of every command: an allow-list."""
        extra = {NETWORK_VARIABLE: "1"} if network else {}
        if self.engine.kind == "demo":
            extra |= {name: value for name, value in self.environ.items() if name.startswith("DVM_DEMO_")}
        return child_environment(self.environ, self.paths, extra)

    def attach(self, argv: Sequence[str], *, network: bool = True) -> int:
        """Run a command line on the user's own terminal and return its exit code."""
        return process.attach(self.resolve(argv), self.environment(network=network))

    def _record(self, finished: Finished) -> None:
        if self.is_quiet and finished.is_ok:
            return
        entry = ledger.Entry(
            finished.argv,
            self.vm,
            self.job,
            seconds=round(finished.seconds, 3),
            code=finished.code,
            ended=finished.ended,
        )
        ledger.append(self.paths, entry)

    def version(self) -> tuple[str, str]:
        """(version, warning), asked for once per limactl file. Raises NoEngine below 2.0.0."""
        if self.engine.kind == "demo":
            return "demo", ""
        said = engine.known_version(self.engine, self.paths)
        if said is None:
            said = self._must(commands.version(), VERSION).stdout.decode("utf-8", "replace")
            engine.remember_version(self.engine, self.paths, said)
        return engine.check_version(said)

    def list(self) -> Listing:
        """All instances. Lines that cannot be parsed are in `odd_lines`; a call that failed twice is an error."""
        finished = self.run(commands.list_all(), LIST)
        if not finished.is_ok and finished.ended == process.EXIT:  # one that failed once says nothing yet
            time.sleep(AGAIN)
            finished = self._must(commands.list_all(), LIST)
        elif not finished.is_ok:
            raise LimaError(finished)
        return parse_list(finished.stdout, finished.stderr)

    def find(self, instance: str) -> Instance | None:
        """One instance by a fresh listing, None where there is none."""
        return self.list().find(instance)

    def end_connections(self, instance: str) -> int:
        """End terminals and the shared ssh connection of an instance that was killed; return how many."""
        return connections.end_connections(commands.ssh_config(self.paths.lima_home, instance).parent)

    def ask(self, instance: str, script: GuestScript, timeout: float = 0.0, **more: Any) -> Finished:
        """Put a read-only question to the guest, over the shared connection and, where that is dead, a fresh one.

        Without a `timeout` it waits as the guest's pace asks for. Raises CheckFailed when the instance was never
        started. Never judges the answer.
        """
        timeout = timeout or scaled(PROBE, self.pace)
        home = self._home_of(instance)
        payload, words = script.payload(), script.argv()
        warm = self.run(commands.ssh(self.engine, home, instance, words), timeout, stdin=payload, **more)
        if not is_connection_dead(warm):
            return warm
        if self.run(commands.ssh_exit(self.engine, home, instance), SSH_EXIT).ended == process.DEADLINE:
            connections.end_connections(home / instance, only_master=True)  # it hangs, and every next call with it
        return self.run(commands.ssh(self.engine, home, instance, words, fresh=True), timeout, stdin=payload, **more)

    def answers(self, instance: str, timeout: float = 0.0, *, fresh: bool = True) -> bool:
        """Say whether somebody gets into the guest now: a status does not tell that.

        A shared connection is faster than a fresh one, and may be dead where the guest is not.
        """
        try:
            words = commands.ssh(self.engine, self._home_of(instance), instance, ("true",), fresh=fresh)
        except CheckFailed:
            return False
        return not is_connection_dead(self.run(words, timeout or scaled(PROBE, self.pace)))

    def stream(self, instance: str, script: GuestScript, source: int, timeout: float, **more: Any) -> Finished:
        """Run a script that takes a stream; all of its stdin, the payload first, comes from the descriptor `source`.

        Over a connection of its own: a terminal must not wait behind a large file. Raises CheckFailed as `ask`.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=source, **more)

    def follow(
        self, instance: str, script: GuestScript, timeout: float, on_output: Callable[[bytes], None]
    ) -> Finished:
        """Run a script that goes on telling, each piece to `on_output` as it comes. Raises CheckFailed as `ask`.

        Over a connection of its own: if the shared one hangs, nothing would report it.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=script.payload(), on_stdout=on_output)

    def _home_of(self, instance: str) -> Path:
        """LIMA_HOME, where this instance has been started at least once."""
        if not commands.ssh_config(self.paths.lima_home, instance).is_file():
            raise CheckFailed(f"{instance} was never started.", "Start it first.")
        return self.paths.lima_home

    def _must(self, argv: tuple[str, ...], timeout: float) -> Finished:
        finished = self.run(argv, timeout)
        if not finished.is_ok:
            raise LimaError(finished)
        return finished


def is_connection_dead(finished: Finished) -> bool:
    """Did ssh fail, or nothing at all come back in time? A slow script that has begun to answer is no dead line."""
    has_failed = finished.ended == process.EXIT and finished.code == SSH_FAILED
    return has_failed or (finished.ended == process.DEADLINE and not finished.stdout)
