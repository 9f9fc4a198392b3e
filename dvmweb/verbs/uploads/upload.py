"""One upload: one thread sends its bytes, another reads the guest's answer, both with a timeout for stalls."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from dvmweb import plans
from dvmweb.errors import CheckFailed, DvmError, NotNow, UsageError
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record
from dvmweb.jobs.inputs import load_input
from dvmweb.lima import process
from dvmweb.lima.client import Lima, is_connection_dead
from dvmweb.lima.deadlines import UPLOAD
from dvmweb.lima.failures import LimaError
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import PlanInput
from dvmweb.records import guest_status
from dvmweb.states import refusal
from dvmweb.verbs.uploads import messages
from dvmweb.verbs.uploads.messages import NOTHING, Arrived, Wanted
from dvmweb.verbs.uploads.pipe import Patience, Sink, UploadEnded
from dvmweb.verbs.vms import Vms

PIECE = 256 << 10  # bytes between two progress reports of the guest
MOST_FOR_A_VM = 2


class Slots:
    """Counts the running transfers of each VM."""

    def __init__(self, what: str = "uploads to") -> None:
        self._what = what
        self._lock = threading.Lock()
        self._taken: dict[str, int] = {}

    @contextmanager
    def slot(self, vm: str) -> Iterator[None]:
        """Take a slot for one transfer. Raises NotNow if none is free."""
        with self._lock:
            if self._taken.get(vm, 0) >= MOST_FOR_A_VM:
                raise NotNow(
                    f"{MOST_FOR_A_VM} {self._what} {vm} are already running.", "Wait until one of them has finished."
                )
            self._taken[vm] = self._taken.get(vm, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[vm] -= 1
                if not self._taken[vm]:
                    del self._taken[vm]


class Upload:
    """One upload. `run` waits in one thread; another thread calls `send`, `finish` and `cancel`."""

    def __init__(self, vms: Vms, vm: str, wanted: Wanted, on_taken: Callable[[int], None]) -> None:
        """`on_taken` is called with the number of bytes that the guest has written; first with 0, when it is ready."""
        self._vms, self._vm, self._wanted, self._on_taken = vms, vm, wanted, on_taken
        self._patience = Patience(guest_status.pace_now(vms.paths, vm))
        self._sink: Sink | None = None
        self._sent, self._taken, self._is_all_sent = 0, -1, False
        self._last: Record | None = None
        self._trouble: DvmError | None = None

    # -- called by the sending thread --------------------------------------------------------------------------------

    def send(self, piece: bytes) -> None:
        """Send the next bytes of the file; waits for a slow guest. Raises UploadEnded."""
        sink = self._open_sink()
        if self._sent + len(piece) > self._wanted.size:
            raise self._given_up(f"{self._wanted.name} is larger than announced. Is a program still writing to it?")
        self._sent += len(piece)
        sink.write(piece)

    def finish(self) -> None:
        """Send the end mark: the guest gives the complete file its name. Raises UploadEnded."""
        sink = self._open_sink()
        if self._sent < self._wanted.size:
            raise self._given_up(f"{self._wanted.name} is smaller than announced.")
        self._is_all_sent = True
        sink.write(self._plan_input.nonce.encode())

    def _open_sink(self) -> Sink:
        if self._taken < 0 or self._sink is None or self._is_all_sent:
            raise self._given_up("The browser sent unexpected bytes.")
        return self._sink

    def _given_up(self, what: str) -> UploadEnded:
        self._trouble = self._trouble or UsageError(what, NOTHING)
        self.cancel()
        return UploadEnded()

    def cancel(self) -> None:
        """Cancel the upload; the guest discards its bytes."""
        self._patience.set()

    # -- called by the waiting thread --------------------------------------------------------------------------------

    def run(self) -> Arrived:
        """Run the upload; return where the file is. Raises a DvmError if it did not arrive, ConfigError, NoEngine."""
        self._plan_input = load_input(self._vms.paths, self._vms.environ, self._vm, "check")
        self._reader = protocol.Reader("receive", self._plan_input.nonce)
        script = plans.receiving(
            self._plan_input,
            self._wanted.name,
            self._wanted.size,
            folder=self._wanted.folder,
            reserve=messages.RESERVE,
            piece=PIECE,
        )
        return self._outcome(self._streamed(script, self._plan_input))

    def _streamed(self, script: GuestScript, plan_input: PlanInput) -> Finished:
        ours, theirs = os.pipe()
        with open(ours, "rb", buffering=0) as source, open(theirs, "wb", buffering=0) as file:  # noqa: PTH123
            self._sink = sink = Sink(file, self._patience)

            def begin(_pid: int) -> None:
                source.close()  # only the guest reads from now on, so writes fail once it ends
                with suppress(UploadEnded):
                    sink.write(script.payload())

            lima = Lima(plan_input.engine, self._vms.paths, self._vms.environ, vm=self._vm)
            try:
                return lima.stream(
                    plan_input.desired.instance,
                    script,
                    source.fileno(),
                    UPLOAD,
                    on_started=begin,
                    on_stdout=self._read_answer,
                    cancelled=self._patience,
                )
            finally:
                self.cancel()  # a blocked write returns
                sink.close()

    def _read_answer(self, output: bytes) -> None:
        try:
            for record in self._reader.feed(output):
                self._take(record)
        except DvmError as error:
            self._trouble = self._trouble or error
            self.cancel()

    def _take(self, record: Record) -> None:
        self._patience.moved()
        if self._last is not None or (record.tag == "done" and not self._is_all_sent):
            raise messages.odd_answer()
        if record.tag == "ready" and self._taken < 0:
            messages.check_guest(record, self._plan_input)
            self._report_progress(0)
        elif record.tag == "at" and self._taken >= 0 and len(record.fields) == 1:
            at = protocol.number(record.fields[0], self._sent)
            if at <= self._taken:
                raise messages.odd_answer()
            self._report_progress(at)
        else:
            self._last = record

    def _report_progress(self, at: int) -> None:
        self._taken = at
        self._on_taken(at)

    def _outcome(self, finished: Finished) -> Arrived:
        last = self._last if self._reader.is_whole else None
        if last is not None and last.tag == "done":
            return messages.arrived(last, self._wanted)
        if last is not None and last.tag == "refused":
            why = b"".join(last.fields)
            if why == messages.INCOMPLETE and self._trouble is not None:
                raise self._trouble  # the cause; the guest only noticed the end
            if why == messages.INCOMPLETE and self._patience.has_run_out:
                raise self._nothing_moved()
            raise messages.refusal(why, self._wanted, self._plan_input)
        if self._is_all_sent:
            what = f"It is not known whether {self._wanted.name} arrived."
            raise CheckFailed(what, "Check in the VM before you send it again.")
        if self._trouble is not None:
            raise self._trouble
        raise self._unfinished(finished)

    def _nothing_moved(self) -> DvmError:
        waited = f"No progress for {self._patience.seconds:.0f} s"
        return NotNow(f"{waited}: the upload of {self._wanted.name} was cancelled.", NOTHING)

    def _unfinished(self, finished: Finished) -> DvmError:
        if finished.ended == process.CANCELLED and self._patience.has_run_out:
            return self._nothing_moved()
        if finished.ended in (process.CANCELLED, process.DEADLINE) or finished.is_ok:
            return messages.not_whole(self._wanted)
        if is_connection_dead(finished):
            facts = replace(self._vms.standing(self._vm, None, is_silent=True), status="Running")
            if error := refusal("upload", facts):
                return CheckFailed(f"{error.what} {NOTHING}", error.todo)
        return LimaError(finished, f"{NOTHING} Check that {self._vm} is running.")
