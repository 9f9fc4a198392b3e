"""End the ssh processes that a killed VM leaves behind: its terminals and the shared connection."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

PATIENCE = 2.0  # seconds between TERM and KILL


def end_connections(instance_folder: Path, *, only_master: bool = False) -> int:
    """End every ssh process of ours that speaks to the instance in `instance_folder`; return how many there were.

    After `limactl stop -f` they hang for ever: the master has lost its socket and nobody tells it that the VM is
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
