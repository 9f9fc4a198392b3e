"""The errors that users see: what happened, what to do, and the command that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `dvm` (docs/reference/cli.md). `dvm ssh` and `dvm sh` pass the exit code of the guest through."""

    OK = 0
    FAILED = 1
    USAGE = 2  # wrong arguments, or a config with errors
    NOT_FOUND = 3
    BUSY = 4  # another job has locked the VM
    UNSAVED_WORK = 5
    CHECK_FAILED = 6
    NO_ENGINE = 7  # limactl is missing or too old
    PORT_TAKEN = 8  # another program has a port of the host that a VM or the dashboard needs
    CANCELLED = 130


def sentence(text: str) -> str:
    """The text with a full stop at its end, unless it ends in a mark already; "" stays ""."""
    text = text.rstrip()
    return text if not text or text[-1] in ".!?:…" else f"{text}."


class DvmError(Exception):
    """A failure: `what` happened, what to do (`todo`), and the `command` that was run; each can be ""."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, todo: str = "", command: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.command = command

    def __str__(self) -> str:
        lines = (self.what, self.todo, f"command: {self.command}" if self.command else "")
        return "\n".join(line for line in lines if line)


class UsageError(DvmError):
    """Wrong arguments, form fields or files of the user; nothing was run."""

    exit_code = ExitCode.USAGE


class SecretNeeded(UsageError):
    """A recipe that must run needs a secret that was not given."""


class NotFound(DvmError):
    """No VM, job or recipe of that name."""

    exit_code = ExitCode.NOT_FOUND


class VmBusy(DvmError):
    """Another job has locked the VM; `job` is its id, "" if not known."""

    exit_code = ExitCode.BUSY

    def __init__(self, what: str, todo: str = "", command: str = "", *, job: str = "") -> None:
        super().__init__(what, todo, command)
        self.job = job


class NotNow(DvmError):
    """The VM is not in a state in which this can be done."""


class UnsavedWork(DvmError):
    """A delete or stop was refused: it would lose unsaved work, or the check failed."""

    exit_code = ExitCode.UNSAVED_WORK


class CheckFailed(DvmError):
    """A question to the guest has no valid answer."""

    exit_code = ExitCode.CHECK_FAILED


class NotRunning(CheckFailed):
    """The VM is not running; `status` is Lima's status, "" if Lima reports none."""

    def __init__(self, what: str, todo: str = "", status: str = "") -> None:
        super().__init__(what, todo)
        self.status = status


class PortTaken(DvmError):
    """Another program uses a port that a VM declares, or the port of the dashboard."""

    exit_code = ExitCode.PORT_TAKEN


class NoEngine(DvmError):
    """limactl is missing, too old, or not safe to run."""

    exit_code = ExitCode.NO_ENGINE


@dataclass(frozen=True)
class Problem:
    """One error in a file or a form: where it is and what to write instead."""

    field: str  # dotted: "ports.1" for the first port, "" for the whole file
    what: str
    todo: str
    file: str = ""
    line: int = 0  # 1 for the first line, 0 where there is none

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        field = f"{self.field}: " if self.field else ""
        return f"{place}{field}{sentence(self.what)} {self.todo}"


class ConfigError(UsageError):
    """All problems of a config at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
