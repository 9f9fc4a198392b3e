"""Print a job's log and follow it while the job runs, its commands from the ledger, or the journal of a VM."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass

from dvmweb import journals
from dvmweb.errors import ExitCode, NotFound, UsageError
from dvmweb.guest_text import log_lines
from dvmweb.jobs import journal, starting
from dvmweb.jobs.journal import Job
from dvmweb.names import vm_name
from dvmweb.vms import Vms

CHUNK = 1_000_000  # bytes
LONGEST = 64_000  # bytes of a line that are waited for


@dataclass(frozen=True)
class Asked:
    """The words beside the name."""

    unit: str = ""
    commands: bool = False
    follow: bool = False
    lines: int | None = None
    units: bool = False

    @property
    def is_of_a_vm(self) -> bool:
        """Whether they mean the journal of a VM."""
        return bool(self.unit or self.follow or self.units or self.lines is not None)


def show(vms: Vms, name: str, asked: Asked) -> int:
    """The log of the job, or the journal of the VM, that is called so; the exit code."""
    if has_vm(vms, name):
        if asked.commands:
            raise UsageError("--commands belongs to a job.", f"The jobs of {name}: dvm jobs")
        return _journal(vms, name, asked)
    try:
        job = vms.job(name)
    except NotFound as error:
        raise NotFound(f"There is no VM and no job {name!r}.", "See them with: dvm ls, dvm jobs") from error
    if asked.is_of_a_vm:
        raise UsageError(f"{name} is a job; units, -f, -n and --units belong to a VM.", f"Its log: dvm log {name}")
    return commands(vms, job) if asked.commands else follow_log(vms, job)


def has_vm(vms: Vms, name: str) -> bool:
    """Say whether there is a config of that name."""
    with suppress(UsageError):
        return vms.paths.vm_config(vm_name(name)).exists()
    return False


def _journal(vms: Vms, name: str, asked: Asked) -> int:
    known = journals.units_of(vms, name)
    if asked.units:
        print("\n".join(known) or f"The recipes of {name} name no unit; without one all of its journal is shown.")
        return 0
    what = journals.wanted(known, asked.unit, 200 if asked.lines is None else asked.lines)
    lines = _Lines()
    if not asked.follow:
        lines.take(journals.read(vms, name, what))
        lines.end()
        return 0
    try:
        journals.follow(vms, name, what, lines.take)
    except KeyboardInterrupt:
        print(f"\n-- the journal of {name} goes on", file=sys.stderr)
        return int(ExitCode.CANCELLED)
    finally:
        lines.end()
    return 0


class _Lines:
    """Prints what a guest says line by line, with nothing in it that a terminal would obey."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Print the lines that are whole by now."""
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        if whole:
            print(log_lines(whole), flush=True)
        if len(self._rest) > LONGEST:
            self.end()

    def end(self) -> None:
        """Print a last line that was not ended."""
        if self._rest:
            print(log_lines(self._rest), flush=True)
        self._rest = b""


def follow_log(vms: Vms, job: Job) -> int:
    """Print the log from its beginning until the job has ended; 0. Ctrl-C stops watching, not the job."""
    try:
        return _follow(vms, job)
    except KeyboardInterrupt:
        print(f"\n-- the job goes on: dvm log {job.id[:8]}", file=sys.stderr)
        return int(ExitCode.CANCELLED)


def _follow(vms: Vms, job: Job) -> int:
    offset, rest = 0, b""
    while True:
        is_open = job.is_open  # read before the log: what came until then is in it
        data = vms.log(job, offset, CHUNK)
        offset += len(data)
        whole, _, rest = (rest + data).rpartition(b"\n")
        if whole:
            print(log_lines(whole), flush=True)
        if not data and not is_open:
            break
        if not data:
            starting.wait_for_change(vms.paths, job.id, journal.stamp(vms.paths, job.id), 0.3)
            job = vms.job(job.id)
    if rest:
        print(log_lines(rest))
    print(f"-- {job.verb} {job.about}: {job.state}", file=sys.stderr)
    return 0


def commands(vms: Vms, job: Job) -> int:
    """Print every engine command of the job, ready to copy; 0."""
    from dvmweb.lima import ledger
    from dvmweb.lima.entering import shown

    for entry in ledger.read(vms.paths, job=job.id):
        print(f"{entry.seconds:8.3f} s  {entry.code!s:>4}  {shown(entry.argv)}")
    return 0
