"""Reads the work of a running VM as one archive, which the host only stores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dvmweb import plans
from dvmweb.errors import DvmError, UsageError
from dvmweb.files import private_folder
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.lima.deadlines import UPLOAD
from dvmweb.plans import PlanInput
from dvmweb.records import guest_status, last_use
from dvmweb.verbs.copies import transfer
from dvmweb.verbs.copies.endpoints import host_target
from dvmweb.verbs.copies.transfer import MOST_COUNT
from dvmweb.verbs.rescue.storing import Bounded, stored
from dvmweb.verbs.rescue.to_guest import Restored, check_target, restore
from dvmweb.verbs.uploads.pipe import Patience
from dvmweb.verbs.vms import Vms

MOST_TRAILER = 4 << 20  # bytes behind the archive
MOST_FRAME = 1 << 20  # bytes
HEAD = 5  # bytes: letter and length

Progress = Callable[[int], None]  # bytes so far


@dataclass
class Rescued:
    """What a rescue has, and what it lacks."""

    place: str = ""  # the file, "" for one that went into another VM
    size: int = 0  # bytes
    repositories: int = 0
    files: int = 0  # loose ones, outside of the repositories
    problem_count: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)  # place and reason, safe to show
    outside: list[str] = field(default_factory=list)  # repositories outside the code folder, safe to show


def default_name(name: str) -> str:
    """The file name of a rescue that is made now."""
    return f"{name}-rescue-{time.strftime('%Y%m%d-%H%M%S')}.tar"


def rescue(
    vms: Vms, name: str, target: Path, *, is_forced: bool = False, on_progress: Progress = lambda _: None
) -> Rescued:
    """Write a rescue of a running VM to a file.

    Raises UsageError, NotFound, NotNow, CheckFailed; then there is none.
    """
    place = host_target(vms.paths, target, default_name(name))
    with stored(place, is_forced=is_forced) as file:
        rescued = _read(vms, name, file, on_progress)
    rescued.place = str(place.folder / place.name)
    return rescued


def rescue_into(
    vms: Vms, name: str, other: str, on_progress: Progress = lambda _: None, on_sent: Progress = lambda _: None
) -> tuple[Rescued, Restored]:
    """Restore the work of a running VM in another one, in `rescued/NAME` of its code folder.

    The archive is complete before its first byte is sent, in a file here that has no name. Raises as `rescue`.
    """
    if name == other:
        raise UsageError(f"{name} is the VM itself.", "Name another VM.")
    check_target(vms, other)
    with tempfile.TemporaryFile(dir=private_folder(vms.paths.state), buffering=0) as file:
        rescued = _read(vms, name, file, on_progress)
        file.seek(0)
        return rescued, restore(vms, file, other, name, on_sent)


def _read(vms: Vms, name: str, file: BinaryIO, on_progress: Progress) -> Rescued:
    plan_input, lima = vms.running(name)
    patience = Patience(guest_status.pace_now(vms.paths, name))
    incoming = _Incoming(plan_input, Bounded(file), patience, on_progress)
    script = plans.rescuing_out(plan_input)
    with last_use.session(vms.paths, name):
        finished = lima.follow(plan_input.desired.instance, script, UPLOAD, incoming.read_output, cancelled=patience)
    if not incoming.is_complete and (error := incoming.trouble()) is not None:
        raise error
    if not incoming.is_complete:
        raise transfer.failure(vms, name, finished, patience)
    return incoming.read_trailer()


class _Incoming:
    """What the guest sends: its answer, the frames of the archive, and what it reports behind them."""

    def __init__(self, plan_input: PlanInput, out: Bounded, patience: Patience, on_progress: Progress) -> None:
        self._plan_input, self._out, self._patience, self._on_progress = plan_input, out, patience, on_progress
        self._reader = protocol.Reader("rescue_out", plan_input.nonce, raw="archive")
        self._refused: tuple[bytes, ...] | None = None
        self._is_ready = False
        self._pending = b""  # of a frame, later of the trailer
        self.is_complete = False  # the last frame has come

    def read_output(self, data: bytes) -> None:
        """The next output of the guest. Raises CheckFailed, NotNow, OSError."""
        if self._reader.rest is None:
            for record in self._reader.feed(data):
                self._take(record)
            if self._reader.rest is None:
                return
            data = self._reader.rest
        self._patience.moved()
        self._pending += data
        while not self.is_complete and self._take_frame():
            pass
        if self.is_complete and len(self._pending) > MOST_TRAILER:
            raise transfer.odd_answer()

    def _take(self, record: Record) -> None:
        if record.tag == "ready" and not self._is_ready:
            transfer.check_guest(record, self._plan_input)
            self._is_ready = True
        elif record.tag == "refused":
            self._refused = record.fields
        elif record.tag != "archive" or not self._is_ready:
            raise transfer.odd_answer()

    def _take_frame(self) -> bool:
        kind, size = self._pending[:1], int.from_bytes(self._pending[1:HEAD], "big")
        if len(self._pending) < HEAD:
            return False
        if kind not in (b"D", b"T", b"E") or size > MOST_FRAME or (size and kind != b"D"):
            raise transfer.odd_answer()
        if len(self._pending) < HEAD + size:
            return False
        self._out.write(self._pending[HEAD : HEAD + size])
        self._pending = self._pending[HEAD + size :]
        self.is_complete = kind == b"E"
        self._on_progress(self._out.size)
        return True

    def trouble(self) -> DvmError | None:
        """The guest's refusal."""
        return None if self._refused is None else transfer.refused(self._refused, self._plan_input, "")

    def read_trailer(self) -> Rescued:
        """What the guest reports behind the archive. Raises CheckFailed unless it is whole."""
        rescued, is_done = Rescued(size=self._out.size), False
        head = protocol.header("rescue_out", self._plan_input.nonce)
        for record in protocol.parse(head + self._pending, "rescue_out", self._plan_input.nonce):
            shown = [visible(one.decode("utf-8", "replace"), 500) for one in record.fields]
            if record.tag == "problem" and len(shown) == 2:
                rescued.problems.append((shown[0], shown[1]))
            elif record.tag == "outside" and len(shown) == 1:
                rescued.outside.append(shown[0])
            elif record.tag == "done" and len(shown) == 3 and not is_done:
                is_done = True
                counts = [protocol.number(one, MOST_COUNT) for one in record.fields]
                rescued.repositories, rescued.files, rescued.problem_count = counts
            else:
                raise transfer.odd_answer()
        if not is_done:
            raise transfer.odd_answer()
        rescued.problem_count = max(rescued.problem_count, len(rescued.problems))
        return rescued
