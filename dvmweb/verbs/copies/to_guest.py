"""Copies a file, a folder or a stream of this computer into a running VM; links of the host are not followed."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from dvmweb import plans
from dvmweb.errors import CheckFailed, DvmError, NotFound, UsageError
from dvmweb.files import private_folder
from dvmweb.guest import protocol
from dvmweb.guest.copies import packing
from dvmweb.guest.copies.tally import FILE, FOLDER, Tally, Unusable
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import UPLOAD
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import PlanInput
from dvmweb.records import guest_status, last_use
from dvmweb.verbs.copies import transfer
from dvmweb.verbs.copies.endpoints import GuestPath
from dvmweb.verbs.copies.transfer import MOST_COUNT, Copied, Guests
from dvmweb.verbs.uploads.messages import RESERVE
from dvmweb.verbs.uploads.pipe import Patience, Sink, UploadEnded
from dvmweb.verbs.vms import Vms

PIECE = 256 << 10  # bytes after which the guest reports

Progress = Callable[[int, int], None]  # bytes so far, bytes in all


@dataclass(frozen=True)
class Source:
    """What is copied."""

    kind: str
    name: str  # that it gets in a folder; "" for a stream
    size: int  # bytes
    pack: Callable[[BinaryIO, Tally], None]


def copy_in(
    vms: Vms,
    source: Path | BinaryIO,
    target: GuestPath,
    *,
    is_recursive: bool = False,
    is_forced: bool = False,
    on_progress: Progress = lambda _done, _all: None,
    guests: Guests | None = None,
) -> Copied:
    """Copy a path of this computer, or what a stream holds to its end, into a VM. `guests`: as for `copy_out`.

    The copy gets its name when it is complete. Raises UsageError, NotFound, NotNow, CheckFailed.
    """
    plan_input, lima = (guests or Guests(vms)).running(target.vm)
    with _opened(vms, source, is_recursive=is_recursive) as what, last_use.session(vms.paths, target.vm):
        patience = Patience(guest_status.pace_now(vms.paths, target.vm))
        script = plans.copying_in(
            plan_input,
            path=target.path,
            name=what.name,
            kind=what.kind,
            force="1" if is_forced else "",
            size=str(what.size),
            reserve=str(RESERVE),
            piece=str(PIECE),
        )
        answer = Answer(plan_input, patience, lambda done: on_progress(done, what.size))
        sending = Sending(lima, plan_input, script, answer, patience)
        try:
            sent = sending.send(what)
        except OSError as error:
            raise UsageError(
                f"{source} cannot be read: {os.strerror(error.errno or 0)}.", "Check its rights."
            ) from error
        if answer.refused is not None:
            raise transfer.refused(answer.refused, plan_input, target.path)
        if sending.trouble is not None:
            raise sending.trouble
        if answer.place is None:
            raise transfer.failure(vms, target.vm, sending.finished, patience)
        for name, why in sent.skipped:
            answer.tally.skip(name, why)
        answer.tally.files, answer.tally.bytes = sent.files, sent.bytes
        return Copied(f"{target.vm}:{answer.place}", answer.tally)


@contextmanager
def _opened(vms: Vms, source: Path | BinaryIO, *, is_recursive: bool) -> Iterator[Source]:
    """What is copied, with its size. Raises UsageError, NotFound."""
    if not isinstance(source, Path):
        with tempfile.TemporaryFile(dir=private_folder(vms.paths.state)) as spooled:  # its size must be known first
            shutil.copyfileobj(source, spooled)
            spooled.flush()
            size = os.fstat(spooled.fileno()).st_size
            spooled.seek(0)
            yield Source(FILE, "", size, lambda out, tally: packing.pack_open_file(spooled.fileno(), out, tally))
        return
    try:
        kind, size = packing.kind_of(str(source)), packing.survey(str(source)).bytes
    except FileNotFoundError:
        raise NotFound(f"There is no {source}.", "Check the path.") from None
    except Unusable as unusable:
        raise UsageError(f"{source} cannot be copied: {unusable}.", "Nothing was copied.") from None
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {os.strerror(error.errno or 0)}.", "Check its rights.") from error
    if kind == FOLDER and not is_recursive:
        raise UsageError(f"{source} is a folder.", "To copy it with everything in it, add -r.")
    yield Source(kind, source.resolve().name, size, lambda out, tally: packing.pack(str(source), out, tally))


@dataclass
class Answer:
    """What the guest reports."""

    plan_input: PlanInput
    patience: Patience
    on_progress: Callable[[int], None]
    kind: str = "copy_in"
    is_ready: threading.Event = field(default_factory=threading.Event)
    refused: tuple[bytes, ...] | None = None
    place: str | None = None  # where the copy is, safe to show
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._reader = protocol.Reader(self.kind, self.plan_input.nonce)

    def read_output(self, data: bytes) -> None:
        """The next output of the guest. Raises CheckFailed."""
        for record in self._reader.feed(data):
            self._take(record)
            self.patience.moved()

    def _take(self, record: Record) -> None:
        if record.tag == "ready" and not self.is_ready.is_set():
            transfer.check_guest(record, self.plan_input)
            self.is_ready.set()
        elif record.tag == "at" and self.is_ready.is_set() and len(record.fields) == 1:
            self.on_progress(protocol.number(record.fields[0], MOST_COUNT))
        elif record.tag == "skipped":
            transfer.skipped(record, self.tally)
        elif record.tag == "done" and self.is_ready.is_set() and len(record.fields) == 2:
            self.tally.skipped_count = max(self.tally.skipped_count, protocol.number(record.fields[0], MOST_COUNT))
            self.place = visible(record.fields[1].decode("utf-8", "replace"), 1000)
        elif record.tag == "refused" and self.place is None:
            self.refused = record.fields
        else:
            raise transfer.odd_answer()


class Sending:
    """The engine command that takes the bytes, in a thread of its own."""

    def __init__(
        self, lima: Lima, plan_input: PlanInput, script: GuestScript, answer: Answer, patience: Patience
    ) -> None:
        self._lima, self._plan_input, self._script = lima, plan_input, script
        self._answer, self._patience = answer, patience
        self.finished: Finished | None = None
        self.trouble: DvmError | None = None

    def send(self, what: Source) -> Tally:
        """Send all of it and wait for the guest's last word; what was sent. Raises OSError of the source."""
        ours, theirs = os.pipe()
        with open(ours, "rb", buffering=0) as source, open(theirs, "wb", buffering=0) as file:  # noqa: PTH123
            sink = Sink(file, self._patience)
            thread = threading.Thread(target=self._run, args=(source, sink), name="copy", daemon=True)
            thread.start()
            sent = Tally()
            try:
                self._answer.is_ready.wait()
                with suppress(UploadEnded):  # the guest's last word says why
                    what.pack(cast(BinaryIO, sink), sent)
            except BaseException:
                self._patience.set()
                raise
            finally:
                thread.join()
                sink.close()
        return sent

    def _run(self, source: BinaryIO, sink: Sink) -> None:
        def begin(_pid: int) -> None:
            source.close()  # only the guest reads from now on: when it ends, writing fails
            with suppress(UploadEnded):
                sink.write(self._script.payload())

        try:
            self.finished = self._lima.stream(
                self._plan_input.desired.instance,
                self._script,
                source.fileno(),
                UPLOAD,
                on_started=begin,
                on_stdout=self._answer.read_output,
                cancelled=self._patience,
            )
        except DvmError as error:
            self.trouble = error
        except BaseException:
            self.trouble = CheckFailed("The copy failed.", "Try again.")
            raise
        finally:
            self._patience.set()
            self._answer.is_ready.set()
