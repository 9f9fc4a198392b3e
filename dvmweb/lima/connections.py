"""End the ssh processes that a killed VM leaves behind: its terminals and the shared connection."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

LINE_KEPT = 30  # seconds for which a line of terminals stays open after the last one
LONGEST_SOCKET = 90  # bytes: ssh adds 17 of its own while it makes one
PATIENCE = 2.0  # seconds between TERM and KILL


def own_line(path: Path) -> dict[str, str]:
    """The environment that puts a `limactl shell` on a shared connection of ours, with its socket at `path`.

    sshd takes 10 sessions on one connection: on Lima's own the 11th terminal prints two lines of ssh's and waits for a
    connection of its own, and so does each question of ours. limactl reads its ssh with options from SSH, and ssh
    takes the first value of each. Not in the instance's folder: `limactl clone` fails on a socket that it does not
    know (both in tests/lima/README.md). {} where the path is too long for ssh, which then shares Lima's.
    """
    text = str(path)
    if len(text.encode()) > LONGEST_SOCKET or '"' in text:
        return {}
    quoted = '"' + text.replace("%", "%%") + '"'
    words = ("ssh", "-o", f"ControlPath={quoted}", "-o", "ControlMaster=auto", "-o", f"ControlPersist={LINE_KEPT}")
    return {"SSH": shlex.join(words)}


def end_connections(instance_folder: Path, *, only_master: bool = False) -> int:
    """End every ssh process of ours that speaks to the instance in `instance_folder`; return how many there were.

    After `limactl stop -f` they hang for ever: the master has lost its socket and is not notified that the VM is
    gone. A process is known by the instance's ssh.sock or ssh.config among its arguments; with `only_master` just
    the one that holds the shared connection.
    """
    import psutil  # 20 ms, and only a forced stop needs it

    folder = str(instance_folder)
    found = [process for process in psutil.process_iter() if _speaks_to(process, folder, only_master)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=PATIENCE)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    return len(found)


def _speaks_to(process: psutil.Process, folder: str, only_master: bool) -> bool:
    import psutil

    with suppress(psutil.Error):
        if process.uids().real != os.getuid() or process.name() not in ("ssh", "scp"):
            return False
        text = "\0".join(process.cmdline())
        if only_master:
            return text.startswith(f"ssh: {folder}/ssh.sock ")  # it calls itself "ssh: FOLDER/ssh.sock [mux]"
        return any(f"{folder}/{name}" in text for name in ("ssh.sock", "ssh.config"))
    return False
