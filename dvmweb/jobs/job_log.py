"""Writes the log of a job: the output of its commands as it comes, with a limit for each step, and lines of its own.

A program in a guest can print anything, so dvm's own lines are not recognized by their text: their byte offsets are in
a file beside the log, start and end on one line.
"""

from __future__ import annotations

import os
from pathlib import Path

from dvmweb import files
from dvmweb.jobs import job_record

TAIL_BYTES = 8_000  # of a step's output, for its error text
LOG_BYTES = 20_000_000  # of one step; the rest is dropped with a mark
CUT = "[dvm: the output of this step is too long; the rest is not in the log]"
FLAGS = os.O_WRONLY | os.O_APPEND


class JobLog:
    """The log of one job; only that job writes it."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.tail = b""  # the end of the output of the step
        self._step_bytes = 0
        self._is_at_start = True  # of a line
        self._is_broken = False
        self._file = files.open_own(path, FLAGS)
        self._places = files.open_own(job_record.places_file(path), FLAGS)

    def begin(self, line: str) -> None:
        """Start the log of a step with the command that it runs."""
        self._step_bytes, self.tail = 0, b""
        self.note(line)

    def add_output(self, data: bytes) -> None:
        """Append output of a command, up to LOG_BYTES for each step."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        room = LOG_BYTES - self._step_bytes
        if room <= 0:
            return
        self._step_bytes += len(data)
        self._write(data[:room])
        if len(data) > room:
            self.note(CUT)

    def note(self, text: str) -> None:
        """Append lines of dvm's own, and record their offsets."""
        if not self._is_at_start:
            self._write(b"\n")
        data = f"{text}\n".encode("utf-8", "replace")
        # The offsets first: a reader must not mistake this line for output of the guest.
        self._put(self._places, f"{self.size} {self.size + len(data)}\n".encode())
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._put(self._file, data)
        self.size += len(data)
        self._is_at_start = data.endswith(b"\n") if data else self._is_at_start

    def _put(self, file: int, data: bytes) -> None:
        """Write everything. After an error nothing more is written, because the recorded offsets would be wrong."""
        if self._is_broken:
            return
        self._is_broken = True
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
        self._is_broken = False
