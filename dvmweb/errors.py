"""The errors that users see: what happened, what to do, and the command behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `dvm` (docs/reference/cli.md). `dvm ssh` and `dvm sh` pass the exit code of the guest through."""

    OK = 0
    FAILED = 1
    USAGE = 2  # wrong words or a config with errors
    NOT_FOUND = 3
    BUSY = 4  # another job holds the VM
    AT_RISK = 5
    COULD_NOT_LOOK = 6
    NO_ENGINE = 7  # limactl is missing or too old
    PORT_TAKEN = 8  # another program has a port of the host that a VM or the dashboard needs
    CANCELLED = 130


def sentence(text: str) -> str:
    """The text as one whole sentence, for others to stand behind: it ends in one mark, whoever wrote it."""
    text = text.rstrip()
    return text if not text or text[-1] in ".!?:…" else f"{text}."


class DvmError(Exception):
    """A failure with a sentence for people; `todo` says the way out, `command` is what was run."""

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
    """The user's words were not usable; nothing was run."""

    exit_code = ExitCode.USAGE


class SecretNeeded(UsageError):
    """A recipe that must run needs a secret that was not given."""


class NotFound(DvmError):
    """No VM, job or recipe of that name."""

    exit_code = ExitCode.NOT_FOUND


class VmBusy(DvmError):
    """Another job holds the VM; `job` is its id where it is known."""

    exit_code = ExitCode.BUSY

    def __init__(self, what: str, todo: str = "", command: str = "", *, job: str = "") -> None:
        super().__init__(what, todo, command)
        self.job = job


class NotNow(DvmError):
    """The VM is not in a state in which this can be done."""


class WorkAtRisk(DvmError):
    """A delete would lose work, or the check failed."""

    exit_code = ExitCode.AT_RISK


class CheckFailed(DvmError):
    """The guest gave no answer that can be trusted."""

    exit_code = ExitCode.COULD_NOT_LOOK


class NotRunning(CheckFailed):
    """The VM does not run; `status` is Lima's own word, "" where Lima has none."""

    def __init__(self, what: str, todo: str = "", status: str = "") -> None:
        super().__init__(what, todo)
        self.status = status


class PortTaken(DvmError):
    """Another program has the port that a VM declares, or that the dashboard shall have."""

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
