"""Copies a file or folder out of a running VM; nothing is written but below the folder that the user named."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from dvmweb import plans
from dvmweb.errors import DvmError, NotNow, UsageError
from dvmweb.guest import protocol
from dvmweb.guest.copies.entries import accepted
from dvmweb.guest.copies.tally import CHUNK, FILE, FOLDER, Incomplete, Readable, Tally, Unusable
from dvmweb.guest.copies.unpacking import Exists, Plan, unpack
from dvmweb.guest.protocol import Record
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import UPLOAD
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import PlanInput
from dvmweb.records import guest_status, last_use
from dvmweb.verbs.copies import new_archive, transfer
from dvmweb.verbs.copies.endpoints import GuestPath, HostTarget, host_target
from dvmweb.verbs.copies.transfer import MOST_COUNT, Copied, Guests
from dvmweb.verbs.uploads.messages import RESERVE
from dvmweb.verbs.uploads.pipe import Patience
from dvmweb.verbs.vms import Vms

MOST_TRAILER = 4 << 20  # bytes behind the archive

Progress = Callable[[int, int], None]  # bytes so far, bytes in all


def copy_out(
    vms: Vms,
    source: GuestPath,
    target: Path | BinaryIO,
    *,
    is_recursive: bool = False,
    is_forced: bool = False,
    is_listed: bool = False,
    on_progress: Progress = lambda _done, _all: None,
    guests: Guests | None = None,
) -> Copied:
    """Copy to a path of this computer, or into a stream: a file as it is, a folder as a new tar archive.

    With `is_listed` a text file in that archive lists what was not copied. `guests`: the VMs that this command knows.

    Raises UsageError, NotFound, NotNow, CheckFailed; then nothing has the name of the copy, or what had it before is
    unchanged. A forced copy of a folder into one that exists replaces file by file.
    """
    plan_input, lima = (guests or Guests(vms)).running(source.vm)
    name = source.name or Path(plan_input.config.guest_code_dir).name
    place = host_target(vms.paths, target, name) if isinstance(target, Path) else None
    if place is not None and not is_forced and os.path.lexists(place.folder / place.name):
        raise _exists(place)
    patience = Patience(guest_status.pace_now(vms.paths, source.vm))
    script = plans.copying_out(plan_input, path=source.path, folders="1" if is_recursive else "")
    with _piped() as (stream, pipe), last_use.session(vms.paths, source.vm):
        answer = _Answer(plan_input, pipe, patience)
        with _Transfer(lima, plan_input, script, answer, patience).beside(stream) as transferring:
            try:
                if place is None:
                    return _sent_on(stream, answer, target, is_listed=is_listed, on_progress=on_progress)
                return _received(stream, answer, place, is_forced=is_forced, on_progress=on_progress)
            except Incomplete:
                stream.close()  # so that what still comes ends
                error = transferring.wait() or answer.trouble(source.path)
                raise error or transfer.failure(vms, source.vm, transferring.finished, patience) from None


@contextmanager
def _piped() -> Iterator[tuple[BinaryIO, IO[bytes]]]:
    """A new pipe, its end to read and its end to write. Raises NotNow for what cannot be written on this computer."""
    ours, theirs = os.pipe()
    with open(ours, "rb", buffering=0) as stream, open(theirs, "wb", buffering=0) as pipe:  # noqa: PTH123
        try:
            yield cast(BinaryIO, stream), pipe
        except Unusable as unusable:
            raise NotNow(f"The copy was stopped: {unusable}.", "Copy less at once, or make room.") from None
        except BrokenPipeError:
            raise
        except OSError as error:
            raise NotNow(f"The copy cannot be written: {os.strerror(error.errno or 0)}.", "Make room.") from error


def _exists(place: HostTarget) -> UsageError:
    todo = "Copy to another name, or replace it with --force."
    return UsageError(f"{place.folder / place.name} exists already.", todo)


def _received(
    stream: BinaryIO, answer: _Answer, place: HostTarget, *, is_forced: bool, on_progress: Progress
) -> Copied:
    """Write what comes. Raises Incomplete where the guest has refused, UsageError, Unusable, OSError."""
    answer.must_have_archive()
    parent = os.open(place.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        room = os.fstatvfs(parent)
        free = max(room.f_bavail * room.f_frsize - RESERVE, 0)
        plan = Plan(parent, place.name, answer.kind, is_forced, others=0, most_bytes=free)
        if answer.bytes > free:
            raise Unusable("there is not enough space for it")
        tally = unpack(stream, plan, lambda done: on_progress(done, answer.bytes))
    except Exists:
        raise _exists(place) from None
    finally:
        os.close(parent)
    answer.read_trailer(stream, tally)
    return Copied(str(place.folder / place.name), tally)


def _sent_on(
    source: Readable, answer: _Answer, out: Path | BinaryIO, *, is_listed: bool, on_progress: Progress
) -> Copied:
    """Write a file's bytes, or a new archive with nothing but plain files and folders."""
    assert not isinstance(out, Path)  # noqa: S101
    answer.must_have_archive()
    tally = Tally()
    entries = new_archive.counted(
        accepted(source, answer.kind, tally), tally, lambda: on_progress(tally.bytes, answer.bytes)
    )
    if answer.kind == FILE:
        for _, chunks in entries:
            for data in chunks:
                out.write(data)
        if not tally.files:
            raise Incomplete("the file did not arrive")
        answer.read_trailer(source, tally)
    else:
        new_archive.write(entries, out, tally, lambda: answer.read_trailer(source, tally), is_listed=is_listed)
    out.flush()
    return Copied("", tally)


class _Answer:
    """What the guest reports; its archive goes on into a pipe."""

    def __init__(self, plan_input: PlanInput, pipe: IO[bytes], patience: Patience) -> None:
        self._plan_input, self._pipe, self._patience = plan_input, pipe, patience
        self._reader = protocol.Reader("copy_out", plan_input.nonce, raw="archive")
        self._is_ready = False
        self._refused: tuple[bytes, ...] | None = None
        self.kind, self.bytes = "", 0
        self.is_decided = threading.Event()  # whether an archive comes

    def must_have_archive(self) -> None:
        """Wait until it is decided; raises Incomplete if the guest has refused, or the transfer failed."""
        self.is_decided.wait()
        if not self.has_archive:
            raise Incomplete("no answer")

    @property
    def has_archive(self) -> bool:
        """Whether the guest sends one; then `kind` and `bytes` are known."""
        return self._reader.rest is not None

    def read_output(self, data: bytes) -> None:
        """The next output of the guest; waits while the archive is not read. Raises CheckFailed, BrokenPipeError."""
        if self._reader.rest is None:
            for record in self._reader.feed(data):
                self._take(record)
                self._patience.moved()
            if self.has_archive:
                self.is_decided.set()
            data = self._reader.rest or b""
        left = memoryview(data)
        while left:
            left = left[os.write(self._pipe.fileno(), left) :]
            self._patience.moved()

    def _take(self, record: Record) -> None:
        if record.tag == "ready" and not self._is_ready:
            transfer.check_guest(record, self._plan_input)
            self._is_ready = True
        elif record.tag == "refused":
            self._refused = record.fields
        elif record.tag == "total" and self._is_ready and not self.kind and len(record.fields) == 3:
            self.kind = {b"file": FILE, b"folder": FOLDER}.get(record.fields[0], "")
            self.bytes = protocol.number(record.fields[2], MOST_COUNT)
            if not self.kind:
                raise transfer.odd_answer()
        elif record.tag != "archive" or not self.kind:
            raise transfer.odd_answer()

    def close(self) -> None:
        """No more comes."""
        self.is_decided.set()
        self._pipe.close()

    def trouble(self, path: str) -> DvmError | None:
        """The guest's refusal."""
        return None if self._refused is None else transfer.refused(self._refused, self._plan_input, path)

    def read_trailer(self, source: Readable, tally: Tally) -> None:
        """Read to the end of the stream what the guest could not copy. Raises CheckFailed."""
        rest = b""
        while data := source.read(CHUNK):
            rest += data
            if len(rest) > MOST_TRAILER:
                raise transfer.odd_answer()
        head = protocol.header("copy_out", self._plan_input.nonce)
        for record in protocol.parse(head + rest.lstrip(b"\0"), "copy_out", self._plan_input.nonce):
            if record.tag == "refused":
                self._refused = record.fields
                raise Incomplete("refused")
            if record.tag == "skipped":
                transfer.skipped(record, tally)
            elif record.tag == "done" and len(record.fields) == 1:
                tally.skipped_count = max(tally.skipped_count, protocol.number(record.fields[0], MOST_COUNT))
            else:
                raise transfer.odd_answer()


@dataclass
class _Transfer:
    """The engine command that brings the bytes, in a thread of its own."""

    lima: Lima
    plan_input: PlanInput
    script: GuestScript
    answer: _Answer
    patience: Patience
    finished: Finished | None = None
    _trouble: DvmError | None = None

    @contextmanager
    def beside(self, stream: BinaryIO) -> Iterator[_Transfer]:
        """Run it while the archive is read from `stream`; then end it."""
        self._thread = threading.Thread(target=self._run, name="copy", daemon=True)
        self._thread.start()
        try:
            yield self
        finally:
            stream.close()
            self.patience.set()
            self.wait()

    def _run(self) -> None:
        instance = self.plan_input.desired.instance
        try:
            self.finished = self.lima.follow(
                instance, self.script, UPLOAD, self.answer.read_output, cancelled=self.patience
            )
        except BrokenPipeError:
            pass  # the copy was given up here
        except DvmError as error:
            self._trouble = error
        finally:
            with suppress(OSError):
                self.answer.close()

    def wait(self) -> DvmError | None:
        """Wait for its end; return its own failure."""
        self._thread.join()
        return self._trouble
