"""Notes that a VM is in use while plain ssh is connected to it, so that an older report of unsaved work is stale."""

from __future__ import annotations

import os
import select
from contextlib import ExitStack, suppress

import psutil

from dvmweb.config.store import ConfigStore
from dvmweb.lima.connections import vms_in
from dvmweb.paths import Paths
from dvmweb.records import last_use
from dvmweb.verbs.ssh_hosts import hosts


def note_use_by(paths: Paths, pid: int) -> None:
    """Note it until the ssh process `pid` has ended. Does nothing for a process that is not ssh, or of another user."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.uids().real != os.getuid() or process.name() != "ssh":
            return
        with ExitStack() as sessions:
            for name in _vms_of(paths, process):
                sessions.enter_context(last_use.session(paths, name))
            _wait(process)


def _vms_of(paths: Paths, process: psutil.Process) -> tuple[str, ...]:
    """The VMs in its arguments; all that run if there is none, as with a host name of the user's own config."""
    known = ConfigStore(paths).names()
    named = vms_in(process.cmdline())
    return tuple(name for name in known if (name in named if named else hosts.reached(paths, name)))


def _wait(process: psutil.Process) -> None:
    """Wait for the end of a process that is no child of this one, without polling where the kernel reports it."""
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            descriptor = os.pidfd_open(process.pid)
            if process.is_running():
                select.select([descriptor], [], [])
            return
    process.wait()
