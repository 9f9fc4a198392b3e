"""Calls the engine: runs commands, lists instances, asks guests. Every command is recorded in the ledger."""

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
from dvmweb.lima.progress_bar import BarReader
from dvmweb.lima.script_payload import GuestScript
from dvmweb.paths import Paths, child_environment

SSH_FAILED = 255  # also the exit code of a remote command that was ended by a signal
AGAIN = 0.5  # seconds between a failed listing and the next one
NETWORK_VARIABLE = "DVM_GUEST_NETWORK"  # Lima ignores it; a demo guest has no network without it


@dataclass(frozen=True)
class Lima:
    """The engine, for one VM or for all. `version` and `list` raise LimaError; `run` returns also failed commands."""

    engine: Engine
    paths: Paths
    environ: Mapping[str, str]
    vm: str = ""  # for the ledger
    job: str = ""  # for the ledger
    pace: float = 1.0  # of the guest, see deadlines.py
    is_quiet: bool = False  # record only failed commands: those of pages, every 15 s, would displace all others

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
        bars: BarReader | None = None,
    ) -> Finished:
        """Run a command line of `commands` for at most `timeout` seconds and record it.

        `network` lets a demo guest use the network; `bars` reads progress bars. Raises DvmError only if the command
        cannot be started.
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
            bars=bars,
        )
        self._record(finished)
        return finished

    def resolve(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command line with `limactl` replaced by the engine's program."""
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
        """(version, warning), cached for each limactl file. Raises NoEngine below 2.0.0."""
        if self.engine.kind == "demo":
            return "demo", ""
        output = engine.known_version(self.engine, self.paths)
        if output is None:
            output = self.must(commands.version(), VERSION).stdout.decode("utf-8", "replace")
            engine.remember_version(self.engine, self.paths, output)
        return engine.check_version(output)

    def list(self) -> Listing:
        """All instances. Lines that cannot be parsed are in `odd_lines`. Raises LimaError if the call fails twice."""
        finished = self.run(commands.list_all(), LIST)
        if not finished.is_ok and finished.ended == process.EXIT:  # list again before it counts as failed
            time.sleep(AGAIN)
            finished = self.must(commands.list_all(), LIST)
        elif not finished.is_ok:
            raise LimaError(finished)
        return parse_list(finished.stdout, finished.stderr)

    def find(self, instance: str) -> Instance | None:
        """One instance from a new listing, None if there is none."""
        return self.list().find(instance)

    def end_connections(self, instance: str) -> int:
        """End the terminals and the shared SSH connection of an instance that was killed; return their number."""
        return connections.end_connections(commands.ssh_config(self.paths.lima_home, instance).parent)

    def query(self, instance: str, script: GuestScript, timeout: float = 0.0, **more: Any) -> Finished:
        """Run a read-only script in the guest, over the shared connection or, if that is dead, over a new one.

        Without `timeout`, the deadline follows the guest's pace. Raises CheckFailed if the instance was never
        started. The answer is not checked.
        """
        timeout = timeout or scaled(PROBE, self.pace)
        home = self._home_of(instance)
        payload, words = script.payload(), script.argv()
        warm = self.run(commands.ssh(self.engine, home, instance, words), timeout, stdin=payload, **more)
        if not is_connection_dead(warm):
            return warm
        if self.run(commands.ssh_exit(self.engine, home, instance), SSH_EXIT).ended == process.DEADLINE:
            connections.end_connections(home / instance, only_master=True)  # it hangs, and would block every later call
        return self.run(commands.ssh(self.engine, home, instance, words, fresh=True), timeout, stdin=payload, **more)

    def answers(self, instance: str, timeout: float = 0.0, *, fresh: bool = True) -> bool:
        """Whether the guest can be entered now, which Lima's status does not show.

        A shared connection is faster than a new one, but can be dead while the guest is not.
        """
        try:
            words = commands.ssh(self.engine, self._home_of(instance), instance, ("true",), fresh=fresh)
        except CheckFailed:
            return False
        return not is_connection_dead(self.run(words, timeout or scaled(PROBE, self.pace)))

    def forward(self, instance: str, verb: str, host_port: int, guest_port: int) -> Finished:
        """Open (`forward`) or close (`cancel`) a port on the shared connection. Raises CheckFailed as `query`."""
        home = self._home_of(instance)
        words = commands.ssh_forward(self.engine, home, instance, verb, host_port, guest_port)
        return self.run(words, scaled(PROBE, self.pace))

    def stream(self, instance: str, script: GuestScript, source: int, timeout: float, **more: Any) -> Finished:
        """Run a script that takes a stream; its stdin, with the payload first, comes from the descriptor `source`.

        It uses its own connection, so that terminals do not wait for a large file. Raises CheckFailed as `query`.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=source, **more)

    def follow(
        self, instance: str, script: GuestScript, timeout: float, on_output: Callable[[bytes], None], **more: Any
    ) -> Finished:
        """Run a script that writes until it is ended, with its output to `on_output`. Raises CheckFailed as `query`.

        It uses its own connection, because a shared one could hang unnoticed.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=script.payload(), on_stdout=on_output, **more)

    def _home_of(self, instance: str) -> Path:
        """LIMA_HOME. Raises CheckFailed if this instance was never started."""
        if not commands.ssh_config(self.paths.lima_home, instance).is_file():
            raise CheckFailed(f"{instance} was never started.", "Start it first.")
        return self.paths.lima_home

    def must(self, argv: tuple[str, ...], timeout: float) -> Finished:
        """Run a command that must succeed. Raises LimaError if it does not."""
        finished = self.run(argv, timeout)
        if not finished.is_ok:
            raise LimaError(finished)
        return finished


def is_connection_dead(finished: Finished) -> bool:
    """Whether the connection failed: ssh's own error, or no output before the deadline. A slow answer is no failure."""
    has_failed = finished.ended == process.EXIT and finished.code == SSH_FAILED
    return has_failed or (finished.ended == process.DEADLINE and not finished.stdout)
