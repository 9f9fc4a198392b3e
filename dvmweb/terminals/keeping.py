"""Be the keeper: that there is only one, its socket, and what it starts on a pty."""

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

from dvmweb import paths
from dvmweb.errors import DvmError
from dvmweb.files import Lock, private_folder, read_bounded, try_lock
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.terminals.flow import Size
from dvmweb.terminals.keeper import Keeper, Waits
from dvmweb.terminals.order import Order
from dvmweb.terminals.place import LINES, folder, socket_path
from dvmweb.terminals.pty_child import PtyChild
from dvmweb.terminals.requests import Start

PID = re.compile(rb"([1-9][0-9]{0,9})\s*")
OTHER_ENDS = 5.0  # seconds for a keeper that is about to end
ENTER = (sys.executable, "-P", "-m", "dvmweb.terminals", "enter")


def keep(
    environ: Mapping[str, str], say_ready: Callable[[], None], start: Start | None = None, waits: Waits | None = None
) -> int:
    """Be the keeper until the last terminal has ended; 0. Raises DvmError when there is another one.

    `start` is what begins a terminal: our own `enter` unless a test wants another program.
    """
    places = paths.from_environment(environ)
    private_folder(places.state)
    private_folder(folder(places))
    lock = _only_one(places)
    path = socket_path(places)
    path.unlink(missing_ok=True)  # whoever left it there is dead: the lock is ours
    for left in folder(places).glob(LINES):
        left.unlink(missing_ok=True)  # of terminals that ended with their keeper
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody could come before that: the folder is private
        listener.listen(64)
        say_ready()
        try:
            boot_of = partial(_boot_of, places.lima_home)
            Keeper(listener, start or _starter(environ), boot_of, waits or Waits()).serve()
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
    lock.release()
    return 0


def _boot_of(lima_home: Path, vm: str) -> str | None:
    """The host agent of a VM: each run of the VM has another one, and without it there is none ("").

    None where nobody can tell, as when this process has no descriptor left: no reason to end a terminal.
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
    return found[1].decode()


def _only_one(places: Paths) -> Lock:
    until = time.monotonic() + OTHER_ENDS
    while (lock := try_lock(folder(places) / "keeper.lock")) is None:
        if time.monotonic() > until:
            raise DvmError("Another keeper holds the terminals and does not answer.", _who_holds(places))
        time.sleep(0.02)
    os.ftruncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, str(os.getpid()).encode(), 0)
    return lock


def _who_holds(places: Paths) -> str:
    pid = (folder(places) / "keeper.lock").read_text("ascii", "replace")[:20]
    return f"End it: kill {pid}. The shells in it end too; the VMs go on."


def _starter(environ: Mapping[str, str]) -> Start:
    """What starts a terminal: the keeper itself reads no config and asks no limactl, so that it never waits."""
    env = dict(environ)

    def start(order: Order, size: Size) -> PtyChild:
        return PtyChild((*ENTER, *order.words()), env, size)

    return start
