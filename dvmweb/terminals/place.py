"""Where the keeper's socket, locks and log lie."""

from __future__ import annotations

import os
from pathlib import Path

from dvmweb.errors import UsageError
from dvmweb.paths import Paths
from dvmweb.terminals.order import Order

LINES = "*.[0-9]*.[0-9]*"  # what `line_path` gives
LONGEST_PATH = 103  # bytes of a Unix socket's path: 108 on Linux, 104 on macOS, with the NUL


def folder(places: Paths) -> Path:
    """Where the socket, the locks and the keeper's own log lie."""
    return places.state / "terminals"


def socket_path(places: Paths) -> Path:
    """The keeper's socket. Raises UsageError where the system takes no path of this length."""
    path = folder(places) / "keeper.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise UsageError(
            f"The path {path} is too long for a socket: {LONGEST_PATH} bytes at most.",
            "Set DVM_STATE_DIR to a shorter folder.",
        )
    return path


def line_path(places: Paths, order: Order) -> Path:
    """The socket of a shared connection for terminals beyond the first of a VM; each run of the VM has others."""
    return folder(places) / f"{order.vm}.{order.boot or 0}.{order.line}"
