"""The log of a job: the bytes that its commands print, as they come, with a limit for each step."""

from __future__ import annotations

import os
from pathlib import Path

TAIL_BYTES = 8_000  # of a step's output, for its error text
LOG_BYTES = 20_000_000  # of one step; the rest is dropped with a mark


class JobLog:
    """Written by the one job."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.tail = b""  # the end of what the step's commands have printed
        self._of_step = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def begin(self, line: str) -> None:
        """A step begins with the command that it runs."""
        self._of_step, self.tail = 0, b""
        self.write(f"{line}\n".encode())

    def heard(self, data: bytes) -> None:
        """What a command prints: into the log, and its end into the error text."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        self.write(data)

    def write(self, data: bytes) -> None:
        """Words of ours, which are no output."""
        room = LOG_BYTES - self._of_step
        if room <= 0:
            return
        kept = data[:room] if len(data) <= room else data[:room] + b"\n[dvm: the rest of this step is not kept]\n"
        self._of_step += len(data)
        self.size += os.write(self._file, kept)
