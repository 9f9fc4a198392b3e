"""The results of `dvm doctor`. Values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # it works, with a drawback
    FAILED = "failed"  # something will not work
    UNKNOWN = "not known"  # the check itself failed


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    topic: str  # one or two words
    state: State
    what: str  # a sentence
    fix: str = ""  # what to do, a command where there is one
    repair: str = ""  # what `--fix` does about it, "" for nothing

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return {"version": 1, **asdict(self)}
