"""Shared SSH connections to a VM: additional ones for terminals, and the end of those of a killed VM."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

LINE_KEPT = 30  # seconds for which an additional connection stays open after its last terminal
LONGEST_SOCKET = 90  # bytes; ssh adds 17 while it creates the socket
ADDRESS = re.compile(r"(?:ssh://)?(?:[^@/]+@)?([a-z][a-z0-9-]{0,40})\.dvm(?::\d+)?/?")  # of `dvm ssh-config`
PATIENCE = 2.0  # seconds between TERM and KILL


def own_line(path: Path) -> dict[str, str]:
    """The environment that makes `limactl shell` use an additional shared connection, with its socket at `path`.

    sshd allows 10 sessions on one connection. On Lima's own, the 11th terminal would print two lines of ssh and wait
    for a new connection, and so would each question to the guest. limactl reads its ssh with options from SSH, and ssh
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
    """End every ssh process of this user that is connected to the instance in `instance_folder`; return their number.

    After `limactl stop -f` they hang forever: the master has lost its socket and does not notice that the VM ended. A
    process is recognized by the instance's ssh.sock or ssh.config in its arguments. `only_master`: end only the one
    with the shared connection.
    """
    import psutil  # takes 20 ms, and only a forced stop needs it

    found = _connected(instance_folder, only_master=only_master)
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=PATIENCE)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    return len(found)


def count(instance_folder: Path) -> int:
    """The number of ssh processes of this user that are connected to the instance in `instance_folder`."""
    return len(_connected(instance_folder))


def addressed() -> frozenset[str]:
    """The VMs to which an ssh process of this user goes by the address NAME.dvm, as of an editor."""
    import psutil

    found: set[str] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == os.getuid() and process.name() == "ssh":
                found |= vms_in(process.cmdline())
    return frozenset(found)


def vms_in(words: Sequence[str]) -> set[str]:
    """The VMs that the arguments of ssh name as NAME.dvm."""
    return {found[1] for word in words if (found := ADDRESS.fullmatch(word))}


def _connected(instance_folder: Path, *, only_master: bool = False) -> list[psutil.Process]:
    import psutil

    folder = str(instance_folder)
    return [process for process in psutil.process_iter() if _is_connected_to(process, folder, only_master)]


def _is_connected_to(process: psutil.Process, folder: str, only_master: bool) -> bool:
    import psutil

    with suppress(psutil.Error):
        if process.uids().real != os.getuid() or process.name() not in ("ssh", "scp"):
            return False
        text = "\0".join(process.cmdline())
        if only_master:
            return text.startswith(f"ssh: {folder}/ssh.sock ")  # its process title is "ssh: FOLDER/ssh.sock [mux]"
        return any(f"{folder}/{name}" in text for name in ("ssh.sock", "ssh.config"))
    return False
