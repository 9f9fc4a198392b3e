"""The log of a job: the bytes that its commands print, as they come, with a limit for each step.

Which of its lines are our own is told by where we wrote them, never by what they say: a program in a guest can print
anything. The places stand in a file beside the log, two byte offsets a line.
"""

from __future__ import annotations

import os
from pathlib import Path

from dvmweb import files
from dvmweb.jobs import job_record

TAIL_BYTES = 8_000  # of a step's output, for its error text
LOG_BYTES = 20_000_000  # of one step; the rest is dropped with a mark
CUT = "[dvm: the rest of the output of this step was dropped]"
FLAGS = os.O_WRONLY | os.O_APPEND


class JobLog:
    """Written by the one job."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.tail = b""  # the end of what the step's commands have printed
        self._of_step = 0
        self._is_at_start = True  # of a line
        self._is_broken = False
        self._file = files.open_own(path, FLAGS)
        self._places = files.open_own(job_record.places_file(path), FLAGS)

    def begin(self, line: str) -> None:
        """A step begins with the command that it runs."""
        self._of_step, self.tail = 0, b""
        self.say(line)

    def heard(self, data: bytes) -> None:
        """What a command prints: into the log, and its end into the error text."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        room = LOG_BYTES - self._of_step
        if room <= 0:
            return
        self._of_step += len(data)
        self._write(data[:room])
        if len(data) > room:
            self.say(CUT)

    def say(self, text: str) -> None:
        """Words of ours, in lines of their own."""
        if not self._is_at_start:
            self._write(b"\n")
        data = f"{text}\n".encode("utf-8", "replace")
        # The place first: who reads the log meanwhile must not take a line of ours for the guest's.
        self._put(self._places, f"{self.size} {self.size + len(data)}\n".encode())
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._put(self._file, data)
        self.size += len(data)
        self._is_at_start = data.endswith(b"\n") if data else self._is_at_start

    def _put(self, file: int, data: bytes) -> None:
        """Write all of it. After a failure nothing more is written: it would stand where our own words should."""
        if self._is_broken:
            return
        self._is_broken = True
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
        self._is_broken = False
