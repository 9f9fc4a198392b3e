"""What the host has left, in a few words for the list of VMs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dvmweb.web.ui.formatting import size


def host_left(folders: Iterable[Path]) -> tuple[str, ...]:
    """Return the free disk of the first folder that exists, and the load of the processors."""
    return tuple(text for text in (_disk(folders), _load()) if text)


def _disk(folders: Iterable[Path]) -> str:
    for folder in folders:
        with suppress(OSError):
            return f"{size(shutil.disk_usage(folder).free)} disk free"
    return ""


def _load() -> str:
    """Return how many processors were busy in the last minute, as the system counts them."""
    with suppress(OSError):
        cpus = os.cpu_count()
        return f"load {os.getloadavg()[0]:.1f} on {cpus} CPUs" if cpus else ""
    return ""
