"""Call the engine: every verb with its deadline, its hazards and its errors; every command goes into the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvmweb.errors import CouldNotLook, NotFound, UsageError
from dvmweb.files import private_folder
from dvmweb.lima import commands, connections, engine, ledger, process
from dvmweb.lima.deadlines import COPY, CREATE, DELETE, EDIT, LIST, PROBE, SSH_EXIT, START, STOP, VERSION
from dvmweb.lima.engine import Engine
from dvmweb.lima.failures import LimaError
from dvmweb.lima.guest_script import GuestScript
from dvmweb.lima.instances import Instance, Listing, parse_list
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths, child_environment

SSH_FAILED = 255  # also the code of a remote command that a signal ended
NETWORK_VARIABLE = "DVM_GUEST_NETWORK"  # Lima ignores it; a demo guest has no network without it


@dataclass(frozen=True)
class Lima:
    """The engine as one VM's job, or a face, uses it. Typed verbs raise LimaError; `run` and `apply` never judge."""

    engine: Engine
    paths: Paths
    environ: Mapping[str, str]
    vm: str = ""  # for the ledger
    job: str = ""  # for the ledger
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
        """All instances. Lines that nobody can read are in `odd_lines`; a call that failed is an error."""
        return parse_list(self._must(commands.list_all(), LIST).stdout)

    def find(self, instance: str) -> Instance | None:
        """One instance by a fresh listing, None where there is none."""
        return self.list().find(instance)

    def need(self, instance: str) -> Instance:
        """One instance by a fresh listing; raises NotFound."""
        found = self.find(instance)
        if found is None:
            raise NotFound(f"There is no Lima instance {instance}.", "See what there is with `dvm ls`.")
        return found

    def create(self, file: Path, instance: str) -> None:
        """Create; what a failed create left behind is deleted, so that the next one can begin anew.

        Never by force: limactl then refuses one that runs, which somebody else must have made meanwhile.
        """
        finished = self.run(commands.create(str(file), instance), CREATE)
        if finished.is_ok:
            return
        said = finished.stderr.decode("utf-8", "replace")
        if "already exists" not in said:
            self.run(commands.delete(instance), DELETE)
        raise LimaError(finished)

    def start(self, instance: str) -> None:
        """Start one that exists, and wait for READY. Raises NotFound: limactl would create a VM with a mounted home."""
        self.need(instance)
        self._must(commands.start(instance, int(START) - 60), START)

    def stop(self, instance: str, *, force: bool = False) -> None:
        """Stop; one that is not Running is left as it is. With `force` kill it and end its connections."""
        if force:
            self._must(commands.stop_force(instance), EDIT)
            self.end_connections(instance)
        elif self.need(instance).is_running:
            self._must(commands.stop(instance), STOP)

    def end_connections(self, instance: str) -> int:
        """End terminals and the shared ssh connection of an instance that was killed; return how many."""
        return connections.end_connections(commands.ssh_config(self.paths.lima_home, instance).parent)

    def edit(self, instance: str, changes: Mapping[str, Any]) -> None:
        """Change keys of the lima.yaml of a stopped instance."""
        if changes:
            self._must(commands.edit(instance, changes), EDIT)

    def delete(self, instance: str, *, force: bool = False) -> None:
        """Delete; one that does not exist is no error. Raises UsageError for a protected one."""
        found = self.find(instance)
        if found is not None and found.protected:
            raise UsageError(
                f"{instance} is protected.", f"Take that away if you mean it: limactl unprotect {instance}"
            )
        self._must(commands.delete_force(instance) if force else commands.delete(instance), DELETE)
        if force:
            self.end_connections(instance)

    def clone(self, instance: str, new: str) -> None:
        """Copy a stopped instance; a protected one's copy is protected too (Lima drops that)."""
        self._copy_protected(instance, new, commands.clone(instance, new), CREATE)

    def rename(self, instance: str, new: str) -> None:
        """Rename a stopped instance; a protected one stays so (Lima drops that)."""
        self._copy_protected(instance, new, commands.rename(instance, new), DELETE)

    def _copy_protected(self, instance: str, new: str, argv: tuple[str, ...], timeout: float) -> None:
        was_protected = self.need(instance).protected
        self._must(argv, timeout)
        if was_protected:
            self.protect(new)

    def protect(self, instance: str, *, on: bool = True) -> None:
        """Protect an instance from deletes, or no longer."""
        self._must(commands.protect(instance) if on else commands.unprotect(instance), EDIT)

    def copy_in(self, instance: str, host_path: Path, guest_path: str, *, recursive: bool = False) -> None:
        """Copy a file or folder into the guest."""
        self._must(commands.copy_in(instance, str(host_path), guest_path, recursive=recursive), COPY)

    def copy_out(self, instance: str, guest_path: str, host_path: Path) -> None:
        """Copy one file out of the guest, never over one that is there (UsageError)."""
        if host_path.exists() or host_path.is_symlink():
            raise UsageError(f"{host_path} is there already.", "Choose another name.")
        self._must(commands.copy_out(instance, guest_path, str(host_path)), COPY)

    def ask(self, instance: str, script: GuestScript, timeout: float = PROBE, **more: Any) -> Finished:
        """Put a read-only question to the guest, over the shared connection and, where that is dead, a fresh one.

        Raises CouldNotLook when the instance was never started. Never judges the answer.
        """
        home = self._home_of(instance)
        payload, words = script.payload(), script.argv()
        warm = self.run(commands.ssh(self.engine, home, instance, words), timeout, stdin=payload, **more)
        if not is_connection_dead(warm):
            return warm
        if self.run(commands.ssh_exit(self.engine, home, instance), SSH_EXIT).ended == process.DEADLINE:
            connections.end_connections(home / instance, only_master=True)  # it hangs, and every next call with it
        return self.run(commands.ssh(self.engine, home, instance, words, fresh=True), timeout, stdin=payload, **more)

    def stream(self, instance: str, script: GuestScript, source: int, timeout: float, **more: Any) -> Finished:
        """Run a script that takes a stream; all of its stdin, the payload first, comes from the descriptor `source`.

        Over a connection of its own: a terminal must not wait behind a large file. Raises CouldNotLook as `ask`.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=source, **more)

    def follow(
        self, instance: str, script: GuestScript, timeout: float, on_output: Callable[[bytes], None]
    ) -> Finished:
        """Run a script that goes on telling, each piece to `on_output` as it comes. Raises CouldNotLook as `ask`.

        Over a connection of its own: where the shared one hangs, nobody would hear of it.
        """
        words = commands.ssh(self.engine, self._home_of(instance), instance, script.argv(), fresh=True)
        return self.run(words, timeout, stdin=script.payload(), on_stdout=on_output)

    def _home_of(self, instance: str) -> Path:
        """LIMA_HOME, where this instance has been started at least once."""
        if not commands.ssh_config(self.paths.lima_home, instance).is_file():
            raise CouldNotLook(f"{instance} was never started.", "Start it first.")
        return self.paths.lima_home

    def apply(self, instance: str, script: GuestScript, timeout: float, **more: Any) -> Finished:
        """Run a script in a login shell of the guest, as `run`; the exit code is the script's."""
        return self.run(commands.shell(instance, script.argv()), timeout, stdin=script.payload(), **more)

    def _must(self, argv: tuple[str, ...], timeout: float) -> Finished:
        finished = self.run(argv, timeout)
        if not finished.is_ok:
            raise LimaError(finished)
        return finished


def is_connection_dead(finished: Finished) -> bool:
    """Did ssh fail, or nothing at all come back in time? A slow script that has begun to answer is no dead line."""
    has_failed = finished.ended == process.EXIT and finished.code == SSH_FAILED
    return has_failed or (finished.ended == process.DEADLINE and not finished.stdout)
