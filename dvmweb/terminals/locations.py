"""The paths of the keeper's socket, locks and log."""

from __future__ import annotations

import os
from pathlib import Path

from dvmweb.errors import UsageError
from dvmweb.paths import Paths
from dvmweb.terminals.launch import LaunchRequest

CONNECTIONS = "*.[0-9]*.[0-9]*"  # matches `connection_path`
LONGEST_PATH = 103  # bytes of a Unix socket's path: 108 on Linux, 104 on macOS, including the NUL


def folder(paths: Paths) -> Path:
    """The folder of the socket, the locks and the keeper's log."""
    return paths.state / "terminals"


def socket_path(paths: Paths) -> Path:
    """The keeper's socket. Raises UsageError where the path is too long for the system."""
    path = folder(paths) / "keeper.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise UsageError(
            f"The path {path} is too long for a socket: {LONGEST_PATH} bytes at most.",
            "Set DVM_STATE_DIR to a shorter folder.",
        )
    return path


def connection_path(paths: Paths, launch: LaunchRequest) -> Path:
    """The socket of an additional shared SSH connection to a VM; every run of the VM has its own."""
    return folder(paths) / f"{launch.vm}.{launch.boot or 0}.{launch.connection}"
