"""A machine of its own for one test: a copy of a Debian tree in namespaces, with systemd as its first process."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.roots.base import USER, guest_environment

BOOT = Path(__file__).parent / "boot.sh"
NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup")
SYSTEMD = ("/lib/systemd/systemd",)
# Where systemd does not start: something that lives, and buries the dead.
PLAIN = ("/bin/sh", "-c", "while :; do sleep 1000 & wait; done")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 60.0


class NoRoot(Exception):
    """The namespaces could not be made here; says why."""


@dataclass
class Machine:
    """A running root. Everything in it ends with `close`, or with the process that started it."""

    outer: subprocess.Popen[bytes]
    network: subprocess.Popen[bytes]
    init: int
    folder: Path  # of this root, on this machine
    cgroup: Path | None
    has_systemd: bool = False
    state: str = ""  # what systemd says of itself

    @property
    def init_name(self) -> str:
        return "systemd" if self.has_systemd else "sh"

    def argv(self, argv: Sequence[str], user: str = USER, env: Mapping[str, str] = {}) -> tuple[str, ...]:
        """The command line that runs `argv` in the root, in a login shell of `user` as ssh does it."""
        variables = {"LANG": "C.UTF-8", **guest_environment(os.environ), **env}
        pairs = tuple(f"{name}={value}" for name, value in variables.items())
        kept = ",".join(variables)
        login = ("runuser", "-l", user, "-w", kept, "-c", 'exec "$0" "$@"', "--", *argv)
        return (
            "nsenter",
            f"--target={self.init}",
            "--all",
            "/usr/bin/env",
            "-i",
            f"PATH={SYSTEM_PATH}",
            "TERM=dumb",
            *pairs,
            *login,
        )

    def run(
        self,
        argv: Sequence[str],
        user: str = USER,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        timeout: float = 300.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and say how it ended; stdout and stderr as text."""
        done = subprocess.run(
            self.argv(argv, user, env), input=stdin, capture_output=True, timeout=timeout, check=False, cwd="/"
        )
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        return subprocess.CompletedProcess(tuple(argv), done.returncode, out, err)

    def run_held(self, argv: Sequence[str], payload: bytes, timeout: float) -> subprocess.CompletedProcess[str]:
        """Like `run`, but stdin stays open until the command has ended, as for a guest script."""
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                self.argv(argv), stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, cwd="/"
            )
            assert process.stdin is not None
            with process.stdin as pipe:
                with suppress(BrokenPipeError):
                    pipe.write(payload)
                    pipe.flush()
                try:
                    code = process.wait(timeout)
                except subprocess.TimeoutExpired:
                    code = -signal.SIGALRM  # its end of stdin makes the script end itself
            process.wait(30)
            said.seek(0)
            return subprocess.CompletedProcess(tuple(argv), code, said.read().decode("utf-8", "replace"), "")

    def close(self) -> None:
        """End all that runs in it; the copy was in memory and goes with it."""
        ended = os.pidfd_open(self.init)
        for process in (self.outer, self.network):
            process.kill()
            process.wait()
        select.select([ended], [], [], 60)  # the first process goes last, after all others of its namespace
        os.close(ended)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.cgroup:
            _remove_cgroup(self.cgroup)


@contextmanager
def started(tree: Path, folder: Path, *, systemd: bool = True, writable: bool = False) -> Iterator[Machine]:
    """A root of its own over `tree`; with `writable` it changes the tree itself. Raises NoRoot."""
    work = Path(tempfile.mkdtemp(prefix="root-", dir=folder))
    machine = _start(tree, work, SYSTEMD if systemd else PLAIN, "write" if writable else "cow")
    try:
        if systemd:
            machine.state = _wait_for_systemd(machine)
            machine.has_systemd = True
        yield machine
        if writable and systemd:  # what is not written yet would be lost
            machine.run(("sync",), "root")
    finally:
        machine.close()


def _start(tree: Path, work: Path, init: Sequence[str], how: str) -> Machine:
    cgroup = _make_cgroup(work.name)
    join = f"echo $$ >{cgroup}/cgroup.procs; " if cgroup else ""
    # The root dies with us, also when we are killed.
    enter = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", f'{join}exec "$@"', "sh")
    fresh = ("unshare", *NAMESPACES, "--fork", "--kill-child=KILL")
    outer = subprocess.Popen(
        (*enter, *fresh, "sh", str(BOOT), str(tree), str(work), how, *init),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(work / "said").open("wb"),
        start_new_session=True,
    )
    try:
        init_pid = _wait_for_init(outer, work, init[0])
        network = _slirp(init_pid, work)
    except BaseException:
        outer.kill()
        outer.wait()
        raise
    return Machine(outer, network, init_pid, work, cgroup)


def _wait_for_init(outer: subprocess.Popen[bytes], work: Path, program: str) -> int:
    """The pid, as this machine counts, of the first process of the root, once it has become the init."""
    until = time.monotonic() + 60
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    while time.monotonic() < until and outer.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError):
            pid = int(children.read_text().split()[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[0].decode() == program and b"boot.sh" not in b" ".join(words):
                return pid
        time.sleep(0.02)
    outer.kill()
    outer.wait()
    raise NoRoot(f"no root could be started here: {(work / 'said').read_text()[-1000:]}")


def _slirp(init: int, work: Path) -> subprocess.Popen[bytes]:
    """A network of its own, which reaches the registries and not this machine's own ports."""
    ready_read, ready_write = os.pipe()
    argv = ("slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={ready_write}")
    process = subprocess.Popen(
        ("setpriv", "--pdeathsig", "KILL", *argv, str(init), "tap0"),
        stdin=subprocess.DEVNULL,
        stdout=(work / "network").open("wb"),
        stderr=subprocess.STDOUT,
        pass_fds=(ready_write,),
    )
    os.close(ready_write)
    with os.fdopen(ready_read, "rb") as ready:
        if ready.read(1) != b"1":
            process.kill()
            process.wait()
            raise NoRoot(f"slirp4netns gave no network: {(work / 'network').read_text()[-1000:]}")
    return process


def _wait_for_systemd(machine: Machine) -> str:
    until = time.monotonic() + BOOT_SECONDS
    argv = ("nsenter", f"--target={machine.init}", "--all", "systemctl", "is-system-running", "--wait")
    said = ""
    while time.monotonic() < until and machine.outer.poll() is None:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=BOOT_SECONDS, cwd="/")
        said = done.stdout.strip()
        if said in ("running", "degraded"):
            return said
        time.sleep(0.1)
    raise NoRoot(f"systemd did not come up in a root here: {said} {(machine.folder / 'said').read_text()[-1000:]}")


def _make_cgroup(name: str) -> Path | None:
    """A control group that the root's systemd has for itself; None where this machine has no version 2."""
    for top in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (top / "cgroup.procs").exists() and (top / "cgroup.controllers").exists():
            own = top / f"dvm-{name}"
            own.mkdir()
            return own
    return None


def _remove_cgroup(own: Path) -> None:
    for folder, _, _ in os.walk(own, topdown=False):
        with suppress(OSError):  # a process that is not buried yet holds it; it is empty and costs nothing
            Path(folder).rmdir()
