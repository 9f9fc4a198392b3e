"""The keeper daemon: the lock that keeps it single, its socket, and the program that it starts on a pty."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from dvmweb.errors import DvmError
from dvmweb.files import Lock, private_folder, read_bounded, try_lock
from dvmweb.names import instance_name
from dvmweb.paths import Paths, from_environment
from dvmweb.records import agent_turns, last_use
from dvmweb.terminals.keeper.flow import Size
from dvmweb.terminals.keeper.loop import Keeper, Waits
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.keeper.requests import Start
from dvmweb.terminals.launch import LaunchRequest
from dvmweb.terminals.locations import CONNECTIONS, folder, socket_path

PID = re.compile(rb"([1-9][0-9]{0,9})\s*")
# In ha.stderr.log, which each run of a VM truncates: the only sign of a stop. ha.pid exists until its end.
STOPS = re.compile(rb"Received SIG(?:INT|TERM), shutting down the host agent")
TAIL = 65_536  # bytes read from the end of that log
OTHER_ENDS = 5.0  # seconds to wait for another keeper that is about to end
ENTER = (sys.executable, "-P", "-m", "dvmweb.terminals", "enter")


def keep(
    environ: Mapping[str, str], report_ready: Callable[[], None], start: Start | None = None, waits: Waits | None = None
) -> int:
    """Run the keeper until the last terminal has ended; returns 0. Raises DvmError when another one is running.

    `start` starts the program of a terminal; tests replace it.
    """
    paths = from_environment(environ)
    private_folder(paths.state)
    private_folder(folder(paths))
    lock = _only_one(paths)
    path = socket_path(paths)
    path.unlink(missing_ok=True)  # left by a dead keeper: the lock is ours
    for left in folder(paths).glob(CONNECTIONS):
        left.unlink(missing_ok=True)  # their terminals ended with that keeper
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)  # no other user could connect before that: the folder is private
        listener.listen(64)
        report_ready()
        try:
            boot_of = partial(_boot_of, paths.lima_home)
            note = partial(last_use.touch, paths)
            note_turn = partial(_note_turn, paths)
            Keeper(listener, start or _starter(environ), boot_of, waits or Waits(), note, note_turn).serve()
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
    lock.release()
    return 0


def _note_turn(paths: Paths, vm: str, agent: str, began: float, ended: float) -> None:
    """Store a turn, whose times are monotonic."""
    clock = time.time() - time.monotonic()
    agent_turns.add(paths, vm, agent_turns.Turn(agent, clock + began, clock + ended))


def _boot_of(lima_home: Path, vm: str, *, has_lost: bool = False) -> str | None:
    """The PID of a VM's host agent, which identifies the run of the VM; "" where the VM does not run.

    `has_lost`: a connection to the VM was lost; then a host agent that is shutting down counts as ended, which can
    take minutes. None where it is not known, as when this process has no descriptor left: no reason to end a terminal.
    """
    try:
        found = PID.fullmatch(read_bounded(lima_home / instance_name(vm) / "ha.pid", 32, follow=False))
        if found is None:
            return ""
        os.kill(int(found[1]), 0)
    except OSError:  # no file, no process, or one of another user: not ours
        return ""
    except DvmError:
        return None
    return "" if has_lost and _is_stopping(lima_home / instance_name(vm) / "ha.stderr.log") else found[1].decode()


def _is_stopping(log: Path) -> bool:
    with suppress(OSError):
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return bool(STOPS.search(os.pread(descriptor, TAIL, max(0, os.fstat(descriptor).st_size - TAIL))))
        finally:
            os.close(descriptor)
    return False


def _only_one(paths: Paths) -> Lock:
    until = time.monotonic() + OTHER_ENDS
    while (lock := try_lock(folder(paths) / "keeper.lock")) is None:
        if time.monotonic() > until:
            raise DvmError("Another terminal keeper is running and does not respond.", _how_to_end_it(paths))
        time.sleep(0.02)
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, str(os.getpid()).encode(), 0)
    return lock


def _how_to_end_it(paths: Paths) -> str:
    pid = (folder(paths) / "keeper.lock").read_text("ascii", "replace")[:20]
    return f"End it: kill {pid}. Its terminals end with it; the VMs keep running."


def _starter(environ: Mapping[str, str]) -> Start:
    """Start terminals by a child process: the keeper itself reads no config and runs no limactl, so it never blocks."""
    env = dict(environ)

    def start(launch: LaunchRequest, size: Size) -> PtyChild:
        return PtyChild((*ENTER, *launch.arguments()), env, size)

    return start
