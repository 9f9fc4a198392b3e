"""The pipe to a guest that receives bytes: its write end, and the timeout for stalls."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import IO

from dvmweb.lima.deadlines import scaled

STALL, LONGEST_STALL = 30.0, 300.0  # seconds without progress: for a fast guest, and for any
WAIT = 200  # milliseconds between two checks for a cancel


class UploadEnded(Exception):
    """No more bytes are accepted; `Upload.run` raises the reason."""


class Patience(threading.Event):
    """The cancel event of an upload: set by a cancel, or after some seconds without progress."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self._pace = pace
        self._moved = time.monotonic()
        self._is_over = False  # stays true, because the guest's last record comes later

    def moved(self) -> None:
        """Note progress: the timeout starts again."""
        self._moved = time.monotonic()

    @property
    def seconds(self) -> float:
        """The timeout in seconds, by the guest's pace."""
        return scaled(STALL, self._pace, LONGEST_STALL)

    @property
    def has_run_out(self) -> bool:
        """Whether there was no progress for too long."""
        self._is_over = self._is_over or time.monotonic() - self._moved > self.seconds
        return self._is_over

    def is_set(self) -> bool:
        """Whether to end the upload; `lima.process` polls this."""
        return super().is_set() or self.has_run_out


class Sink:
    """The write end of the pipe to the guest. A write waits until the guest reads, or the upload ends."""

    def __init__(self, file: IO[bytes], patience: Patience) -> None:
        os.set_blocking(file.fileno(), False)
        self._file, self._patience = file, patience
        self._lock = threading.Lock()
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)

    def write(self, data: bytes) -> None:
        """Write all bytes. Raises UploadEnded if they are no longer accepted."""
        left = memoryview(data)
        with self._lock:
            while left:
                if self._patience.is_set() or self._file.closed:
                    raise UploadEnded
                if self._room.poll(WAIT):
                    left = left[self._write_some(left) :]

    def _write_some(self, data: memoryview) -> int:
        try:
            count = os.write(self._file.fileno(), data)
        except BlockingIOError:  # less free space than one piece
            return 0
        except BrokenPipeError:
            raise UploadEnded from None
        self._patience.moved()
        return count

    def close(self) -> None:
        """Close it after the upload has ended, so that no write reaches another file with the same descriptor."""
        with self._lock:
            self._file.close()
