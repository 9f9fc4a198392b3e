"""One file on its way into a guest: bytes from one thread, the guest's answer in another, and patience."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO

from dvmweb import plans
from dvmweb.errors import CheckFailed, DvmError, NotNow, UsageError
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record
from dvmweb.jobs.inputs import load_input
from dvmweb.lima import process
from dvmweb.lima.client import Lima, is_connection_dead
from dvmweb.lima.deadlines import UPLOAD, scaled
from dvmweb.lima.failures import LimaError
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import PlanInput
from dvmweb.records import guest_status
from dvmweb.states import refusal
from dvmweb.verbs.uploads import messages
from dvmweb.verbs.uploads.messages import NOTHING, Arrived, Wanted
from dvmweb.verbs.vms import Vms

PIECE = 256 << 10  # bytes after which the guest says how far it is
STALL, LONGEST_STALL = 30.0, 300.0  # seconds in which neither side moves a byte: of a quick guest, and of any
MOST_FOR_A_VM = 2
WAIT = 200  # milliseconds between two looks whether somebody still wants the file


class UploadEnded(Exception):
    """No more bytes are accepted; `Upload.run` raises the reason."""


class Places:
    """How many files are on their way to each VM."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, int] = {}

    @contextmanager
    def place(self, vm: str) -> Iterator[None]:
        """A place for one upload. Raises NotNow where there is none."""
        with self._lock:
            if self._taken.get(vm, 0) >= MOST_FOR_A_VM:
                raise NotNow(
                    f"{MOST_FOR_A_VM} files are on their way to {vm} already.", "Wait until one of them has finished."
                )
            self._taken[vm] = self._taken.get(vm, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[vm] -= 1
                if not self._taken[vm]:
                    del self._taken[vm]


class Patience(threading.Event):
    """Set by whoever gives up, and by itself when nothing has moved for so many seconds."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self._pace = pace
        self._moved = time.monotonic()
        self._is_over = False  # it stays so: that the guest got no more, its last word, comes later

    def moved(self) -> None:
        """Start waiting again."""
        self._moved = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long nothing may move."""
        return scaled(STALL, self._pace, LONGEST_STALL)

    @property
    def has_run_out(self) -> bool:
        """Nothing has moved for too long."""
        self._is_over = self._is_over or time.monotonic() - self._moved > self.seconds
        return self._is_over

    def is_set(self) -> bool:
        """What `lima.process` asks, again and again."""
        return super().is_set() or self.has_run_out


class Sink:
    """The end of a pipe into which the bytes go. Writing waits as long as nothing is taken, but no longer."""

    def __init__(self, file: IO[bytes], patience: Patience) -> None:
        os.set_blocking(file.fileno(), False)
        self._file, self._patience = file, patience
        self._lock = threading.Lock()
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)

    def write(self, data: bytes) -> None:
        """Write all of it. Raises UploadEnded if it is no longer accepted."""
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
        except BlockingIOError:  # less room than a piece of the pipe
            return 0
        except BrokenPipeError:
            raise UploadEnded from None
        self._patience.moved()
        return count

    def close(self) -> None:
        """After everybody has given up: no write may meet another file of the same number."""
        with self._lock:
            self._file.close()


class Upload:
    """One file on its way. `run` waits in one thread; `send`, `finish` and `cancel` come from another."""

    def __init__(self, vms: Vms, vm: str, wanted: Wanted, on_taken: Callable[[int], None]) -> None:
        """`on_taken` hears how many bytes the guest has written: first 0, when it is ready for them."""
        self._vms, self._vm, self._wanted, self._on_taken = vms, vm, wanted, on_taken
        self._patience = Patience(guest_status.pace_now(vms.paths, vm))
        self._sink: Sink | None = None
        self._sent, self._taken, self._is_all_sent = 0, -1, False
        self._last: Record | None = None
        self._trouble: DvmError | None = None

    # -- from the other thread ---------------------------------------------------------------------------------------

    def send(self, piece: bytes) -> None:
        """The next bytes of the file; waits while the guest is slow. Raises UploadEnded."""
        sink = self._open_sink()
        if self._sent + len(piece) > self._wanted.size:
            raise self._given_up(f"{self._wanted.name} is longer than announced. Is a program still writing it?")
        self._sent += len(piece)
        sink.write(piece)

    def finish(self) -> None:
        """That was all: the guest may give the file its name. Raises UploadEnded."""
        sink = self._open_sink()
        if self._sent < self._wanted.size:
            raise self._given_up(f"{self._wanted.name} is shorter than announced.")
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
        """Give it up; the guest throws away what it has."""
        self._patience.set()

    # -- from the thread that waits ----------------------------------------------------------------------------------

    def run(self) -> Arrived:
        """Send the file and wait for its end. Raises a DvmError where it did not arrive, ConfigError, NoEngine."""
        self._plan_input = load_input(self._vms.paths, self._vms.environ, self._vm, "look")
        self._reader = protocol.Reader("receive", self._plan_input.nonce)
        script = plans.receiving(
            self._plan_input, self._wanted.name, self._wanted.size, reserve=messages.RESERVE, piece=PIECE
        )
        return self._outcome(self._streamed(script, self._plan_input))

    def _streamed(self, script: GuestScript, plan_input: PlanInput) -> Finished:
        ours, theirs = os.pipe()
        with open(ours, "rb", buffering=0) as source, open(theirs, "wb", buffering=0) as file:  # noqa: PTH123
            self._sink = sink = Sink(file, self._patience)

            def begin(_pid: int) -> None:
                source.close()  # only the guest reads from now on: when it ends, writing fails
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
                    on_stdout=self._hear,
                    cancelled=self._patience,
                )
            finally:
                self.cancel()  # whoever writes just now lets go
                sink.close()

    def _hear(self, said: bytes) -> None:
        try:
            for record in self._reader.feed(said):
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
            self._tell(0)
        elif record.tag == "at" and self._taken >= 0 and len(record.fields) == 1:
            at = protocol.number(record.fields[0], self._sent)
            if at <= self._taken:
                raise messages.odd_answer()
            self._tell(at)
        else:
            self._last = record

    def _tell(self, at: int) -> None:
        self._taken = at
        self._on_taken(at)

    def _outcome(self, finished: Finished) -> Arrived:
        last = self._last if self._reader.is_whole else None
        if last is not None and last.tag == "done":
            return messages.arrived(last, self._wanted)
        if last is not None and last.tag == "refused":
            why = b"".join(last.fields)
            if why == messages.INCOMPLETE and self._trouble is not None:
                raise self._trouble  # the guest only saw the end that we made of it
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
