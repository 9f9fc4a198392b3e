"""The input and the result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dvmweb.lima.client import Lima
from dvmweb.paths import Paths
from dvmweb.plans import Options, PlanInput
from dvmweb.records.last_use import Use


@dataclass(frozen=True)
class Outcome:
    """The result of a check: the plan input from now on, the reason to show at the step, notices for the user."""

    plan_input: PlanInput
    reason: str = ""
    notices: tuple[str, ...] = ()
    has_failed: bool = False  # a check in the guest that failed without failing the job
    once_done: tuple[str, ...] = ()  # notices that are true only after the whole job has succeeded


class Tools(Protocol):
    """What a check gets from the running job."""

    paths: Paths
    options: Options
    job_id: str
    verb: str
    use: Use  # the last use of the VM, read before the step's command

    @property
    def lima(self) -> Lima: ...

    def end_connections(self) -> None: ...
