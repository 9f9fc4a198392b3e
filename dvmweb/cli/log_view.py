"""Print the log of a job, its commands from the ledger, or the journal of a VM."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from dvmweb.cli.follow import print_end
from dvmweb.config.stray_files import meant
from dvmweb.errors import ExitCode, NotFound, UsageError
from dvmweb.guest_text import log_lines
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job
from dvmweb.verbs import logs
from dvmweb.verbs.vms import Vms

CHUNK = 1_000_000  # bytes
GUEST = "  "  # before each line that a guest or a command has printed
LINES = 200  # of the end
LONGEST = 64_000  # bytes of a line before it is printed unfinished


@dataclass(frozen=True)
class Request:
    """The options and arguments beside the name."""

    unit: str = ""
    commands: bool = False
    follow: bool = False
    lines: int | None = None
    units: bool = False
    boot: bool = False
    as_json: bool = False

    @property
    def is_of_a_vm(self) -> bool:
        """Whether they are for the journal of a VM."""
        return bool(self.unit or self.follow or self.units or self.boot or self.lines is not None)


def show(vms: Vms, name: str, request: Request) -> int:
    """Print the log of the job, or the journal of the VM, with this name; return the exit code."""
    if request.as_json and not request.commands:
        raise UsageError(
            "--json is for --commands.", f"To list the commands of a job: dvm log {name} --commands --json"
        )
    if vms.has_config(name):
        if request.commands:
            raise UsageError("--commands is for jobs.", f"To list the jobs of {name}: dvm jobs")
        return _boot(vms, name, request) if request.boot else _journal(vms, name, request)
    try:
        job = vms.job(name)
    except NotFound as error:
        nothing = NotFound(f"There is no VM or job {name!r}.", "List them with: dvm ls, dvm jobs")
        raise meant(vms.paths, name) or nothing from error
    if request.is_of_a_vm:
        raise UsageError(
            f"{name} is a job; UNIT, -f, -n, --units and --boot are for VMs.", f"To print its log: dvm log {name}"
        )
    return commands(vms, job, as_json=request.as_json) if request.commands else follow_log(vms, job)


def _boot(vms: Vms, name: str, request: Request) -> int:
    from dvmweb.cli import boot_log

    if request.unit or request.units:
        raise UsageError("--boot was given with a unit.", f"Use one of them: dvm log {name} --boot")
    return boot_log.show(vms, name, LINES if request.lines is None else request.lines, is_followed=request.follow)


def _journal(vms: Vms, name: str, request: Request) -> int:
    known = logs.units_of(vms, name)
    if request.units:
        print("\n".join(known) or f"The recipes of {name} declare no units; its whole journal is shown.")
        return 0
    what = logs.wanted(known, request.unit, LINES if request.lines is None else request.lines)
    lines = _Lines()
    if not request.follow:
        lines.take(logs.read(vms, name, what))
        lines.end()
        return 0
    try:
        logs.follow(vms, name, what, lines.take)
    except KeyboardInterrupt:
        print(f"\n-- stopped following the journal of {name}", file=sys.stderr)
        return int(ExitCode.CANCELLED)
    finally:
        lines.end()
    return 0


class _Lines:
    """Prints guest output line by line, with control characters made visible."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Print the lines that are complete."""
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        if whole:
            print(log_lines(whole), flush=True)
        if len(self._rest) > LONGEST:
            self.end()

    def end(self) -> None:
        """Print an incomplete last line."""
        if self._rest:
            print(log_lines(self._rest), flush=True)
        self._rest = b""


def follow_log(vms: Vms, job: Job) -> int:
    """Print the log from its beginning until the job has ended; return 0. Ctrl-C stops watching, not the job."""
    try:
        return _follow(vms, job)
    except KeyboardInterrupt:
        print(f"\n-- the job is still running: dvm log {job.id[:8]}", file=sys.stderr)
        return int(ExitCode.CANCELLED)


def _follow(vms: Vms, job: Job) -> int:
    offset, rest = 0, b""
    is_bold = sys.stdout.isatty() and not vms.environ.get("NO_COLOR")
    while True:
        is_open = job.is_open  # read before the log, so that the log is complete
        data = vms.log(job, offset, CHUNK)
        begin, offset = offset - len(rest), offset + len(data)
        whole, _, rest = (rest + data).rpartition(b"\n")
        if whole:
            _print_origin(whole, begin, job_record.own_places(vms.paths, job.id), is_bold=is_bold)
        if not data and not is_open:
            break
        if not data:
            starting.wait_for_change(vms.paths, job.id, job_record.stamp(vms.paths, job.id), 0.3)
            job = vms.job(job.id)
    if rest:
        _print_origin(rest, offset - len(rest), job_record.own_places(vms.paths, job.id), is_bold=is_bold)
    print(f"-- {job.verb} {job.about}: {job.outcome or job.state}", file=sys.stderr)
    print_end(job)
    return 0


def _print_origin(data: bytes, at: int, ours: Sequence[tuple[int, int]], *, is_bold: bool) -> None:
    """Print lines that begin at offset `at` of the log: ours as they are, or bold, guest output indented.

    Guest output is never at the start of a line, so it cannot look like one of our lines.
    """
    for line in data.split(b"\n"):
        is_ours = any(begin <= at < end for begin, end in ours)
        text = log_lines(line.removesuffix(b"\r"))
        if not is_ours:
            print("\n".join(f"{GUEST}{part}" for part in text.split("\n")))
        else:
            print(f"\x1b[1m{text}\x1b[0m" if is_bold else text)
        at += len(line) + 1
    sys.stdout.flush()


def commands(vms: Vms, job: Job, *, as_json: bool) -> int:
    """Print every engine command of the job, ready to copy or as JSON; return 0."""
    from dvmweb.cli import json_output, tables
    from dvmweb.lima import ledger
    from dvmweb.lima.command_display import shown

    found = ledger.read(vms.paths, job=job.id)
    if as_json:
        tables.as_json([json_output.command_facts(entry) for entry in found])
        return 0
    for entry in found:
        print(f"{entry.seconds:8.3f} s  {entry.code!s:>4}  {shown(entry.argv)}")
    return 0
